import pytest

from cais.bases import catalogue
from cais.bases.make import ROOM_BYTES, ROOM_WITH_PARENT_BYTES, check_room
from cais.errors import NoSpace


def test_a_base_is_not_begun_where_it_does_not_fit() -> None:
    debian, postgres = catalogue.by_name("debian-trixie-slim"), catalogue.by_name("postgres-17")
    with pytest.raises(NoSpace, match=r'"debian:trixie-slim": making it takes 350 MiB, and 3 MiB are free'):
        check_room(debian, 3 << 20)
    with pytest.raises(NoSpace, match="making it takes 200 MiB"):
        check_room(postgres, ROOM_WITH_PARENT_BYTES - 1)
    check_room(debian, ROOM_BYTES)
    check_room(postgres, ROOM_WITH_PARENT_BYTES)
