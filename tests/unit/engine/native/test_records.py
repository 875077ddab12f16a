from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cais.database import Database
from cais.engine.native.records import Life, Phase, Record, Records, VolumeRecord
from cais.engine.protocol import ContainerSpec, FileSpec, VolumeSpec
from cais.errors import Conflict, NotFoundError


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    database = Database(str(tmp_path / "cais.db"))
    yield Records(database)
    database.close()


def record(container_id: str, name: str, project: str = "p") -> Record:
    spec = ContainerSpec(
        name=name, image_id="i", image_reference="r", project=project, files=(FileSpec(target="/s", content=b"secret"),)
    )
    return Record(id=container_id, spec=spec, created_at=1.0, life=Life(phase=Phase.CREATED))


def test_a_row_comes_back_without_the_contents_of_secrets(records: Records) -> None:
    records.insert(record("aa11", "web"), b"image")
    found = records.need("aa11")
    assert found.spec.files[0].content == b""
    assert found.life == Life(phase=Phase.CREATED)
    assert records.image("aa11") == b"image"


def test_finding_by_name_id_and_prefix(records: Records) -> None:
    records.insert(record("aaaa11", "web"), b"")
    records.insert(record("aaaa22", "db"), b"")
    records.insert(record("bbbb33", "aaaa"), b"")
    for text, name in (("web", "web"), ("aaaa22", "db"), ("aaaa2", "db"), ("bbbb", "aaaa"), ("aaaa", "aaaa")):
        found = records.find(text)
        assert found is not None
        assert found.name == name
    for text in ("zz", "", "cccc", "bbb", "BBBB"):
        assert records.find(text) is None
    records.rename("bbbb33", "other")
    with pytest.raises(Conflict, match="several"):
        records.find("aaaa")


def test_names_are_unique(records: Records) -> None:
    records.insert(record("aa11", "web"), b"")
    with pytest.raises(Conflict, match='"web" is taken'):
        records.insert(record("aa22", "web"), b"")
    records.insert(record("aa22", "db"), b"")
    with pytest.raises(Conflict):
        records.rename("aa22", "web")
    assert records.rename("aa22", "cache").spec.name == "cache"
    assert [one.name for one in records.containers("p")] == ["cache", "web"]
    assert records.containers("other") == ()


def test_changes(records: Records) -> None:
    records.insert(record("aa11", "web"), b"")
    assert records.change("aa11", phase=Phase.RUNNING, pid=5).life.pid == 5
    assert records.need("aa11").life.phase is Phase.RUNNING
    records.delete("aa11")
    records.delete("aa11")
    with pytest.raises(NotFoundError):
        records.change("aa11", pid=1)


def test_anonymous_volumes_change_hands_and_named_ones_do_not(records: Records) -> None:
    for name, container in (("anon", "aa11"), ("named", "")):
        spec = VolumeSpec(name=name, project="p")
        records.insert_volume(VolumeRecord(spec=spec, created_at=1.0, container=container, target="/x"))
        records.give_volume(name, "bb22", "/y")
    assert [one.spec.name for one in records.anonymous_volumes("bb22")] == ["anon"]
    assert records.anonymous_volumes("aa11") == ()
    records.insert_volume(VolumeRecord(spec=VolumeSpec(name="anon", labels={"a": "b"}), created_at=2.0))
    kept = records.volume("anon")
    assert kept is not None
    assert kept.created_at == 1.0
    assert [one.spec.name for one in records.volumes("p")] == ["anon", "named"]


def test_life_survives_its_encoding() -> None:
    life = Life(phase=Phase.EXITED, exit_code=3, addresses={"n": "10.0.0.2"}, anonymous_volumes={"/x": "v"})
    assert msgspec.json.decode(msgspec.json.encode(life), type=Life) == life
