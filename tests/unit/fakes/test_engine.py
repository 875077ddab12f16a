"""The fake keeps the protocol's promises; the same ones the real engine's tests hold."""

import pytest
from tests.fakes.engine import FakeEngine

from cais.engine.protocol import (
    ContainerSpec,
    EndpointSpec,
    Engine,
    Health,
    MountKind,
    MountSpec,
    NetworkSpec,
    PortSpec,
    ProbeSpec,
    State,
    VolumeSpec,
)
from cais.errors import Conflict, NotFoundError, PortInUse


def spec(name: str, **more: object) -> ContainerSpec:
    return ContainerSpec(name=name, image_id="sha256:0", image_reference="x", project="p", **more)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def test_it_is_an_engine(engine: FakeEngine) -> None:
    as_engine: Engine = engine
    assert as_engine.containers() == ()


def test_a_container_lives_and_dies(engine: FakeEngine) -> None:
    made = engine.create(spec("a"))
    assert made.state is State.CREATED
    running = engine.start(made.id)
    assert (running.state, running.pid != 0) == (State.RUNNING, True)
    assert engine.start(made.id) == running
    engine.exit("a", 3)
    ended = engine.settle(made.id)
    assert (ended.state, ended.exit_code, ended.pid) == (State.EXITED, 3, 0)


def test_planned_deaths_happen_as_the_clock_moves(engine: FakeEngine) -> None:
    engine.script("a").dies = [(1, 0), (2, 5.0)]
    made = engine.create(spec("a"))
    assert engine.start(made.id).exit_code == 1
    assert engine.start(made.id, automatic=True).state is State.RUNNING
    engine.clock.advance(4.9)
    assert engine.settle(made.id).state is State.RUNNING
    engine.clock.advance(0.1)
    assert engine.settle(made.id).exit_code == 2


def test_a_planned_death_spares_the_next_run(engine: FakeEngine) -> None:
    engine.script("a").dies = [(2, 5.0)]
    made = engine.create(spec("a"))
    engine.start(made.id)
    engine.exit("a", 0)
    engine.start(made.id)
    engine.clock.advance(10)
    assert engine.settle(made.id).state is State.RUNNING


def test_automatic_start_leaves_a_manually_stopped_one(engine: FakeEngine) -> None:
    made = engine.create(spec("a"))
    engine.start(made.id)
    engine.stop(made.id)
    assert engine.start(made.id, automatic=True).state is State.EXITED
    assert not engine.start(made.id).manually_stopped


def test_exit_listeners_hear_the_pid(engine: FakeEngine) -> None:
    heard: list[tuple[str, int]] = []
    engine.on_exit(lambda container_id, pid: heard.append((container_id, pid)))
    made = engine.start(engine.create(spec("a")).id)
    engine.kill(made.id)
    assert heard == [(made.id, made.pid)]


def test_a_stop_that_is_ignored_kills(engine: FakeEngine) -> None:
    engine.script("a").ignores_stop = True
    made = engine.start(engine.create(spec("a")).id)
    outcome = engine.stop(made.id, timeout_s=2)
    assert (outcome.killed, outcome.exit_code, outcome.elapsed_s) == (True, 137, 2)


def test_probes_follow_the_script(engine: FakeEngine) -> None:
    engine.script("a").healthy_after_s = 2
    made = engine.start(engine.create(spec("a", probe=ProbeSpec(test=("CMD", "true")))).id)
    assert made.health is Health.STARTING
    assert engine.probe(made.id, ("true",), 1).exit_code == 1
    engine.clock.advance(2)
    assert engine.probe(made.id, ("true",), 1).exit_code == 0


def test_names_networks_volumes_and_ports_collide(engine: FakeEngine) -> None:
    with pytest.raises(NotFoundError, match="network"):
        engine.create(spec("a", endpoints=(EndpointSpec(network="n"),)))
    engine.ensure_network(NetworkSpec(name="n", project="p"))
    engine.ensure_volume(VolumeSpec(name="v", project="p"))
    mounts = (MountSpec(kind=MountKind.VOLUME, source="v", target="/v"),)
    port = PortSpec(container_port=80, host_port=8080)
    made = engine.create(spec("a", endpoints=(EndpointSpec(network="n"),), mounts=mounts, ports=(port,)))
    with pytest.raises(Conflict, match="taken"):
        engine.create(spec("a"))
    with pytest.raises(PortInUse, match="8080"):
        engine.create(spec("b", ports=(port,)))
    with pytest.raises(Conflict, match="used by"):
        engine.remove_network("n")
    with pytest.raises(Conflict, match="used by"):
        engine.remove_volume("v")
    engine.remove(made.id)
    engine.remove(made.id)
    engine.remove_network("n")
    engine.remove_volume("v")
    assert (engine.containers(), engine.networks(), engine.volumes()) == ((), (), ())


def test_scripted_failures_are_used_up(engine: FakeEngine) -> None:
    made = engine.create(spec("a"))
    engine.fail("start", "a", Conflict("no"))
    with pytest.raises(Conflict):
        engine.start(made.id)
    assert engine.start(made.id).state is State.RUNNING


def test_anonymous_volumes_go_with_their_container_when_asked(engine: FakeEngine) -> None:
    mounts = (MountSpec(kind=MountKind.VOLUME, source="", target="/v"),)
    made = engine.create(spec("a", mounts=mounts))
    assert len(engine.volumes()) == 1
    engine.remove(made.id, volumes=True)
    assert engine.volumes() == ()


def test_follow_ends_after_the_last_line(engine: FakeEngine) -> None:
    made = engine.start(engine.create(spec("a")).id)
    engine.write("a", "one")
    lines = engine.follow(made.id)
    first = next(lines)
    assert first is not None
    assert first.text == "one"
    assert next(lines) is None
    engine.write("a", "two")
    engine.exit("a", 0)
    assert [line.text for line in lines if line] == ["two"]
