import errno

import pytest

from cais.build.translate import at_step
from cais.errors import BuildError, CaisError, NoSpace, PermissionNeeded, Span


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, NoSpace), (errno.EACCES, PermissionNeeded), (errno.EISDIR, BuildError)]
)
def test_what_the_system_refuses_names_the_step(number: int, kind: type[CaisError]) -> None:
    span = Span("Dockerfile", 4)
    with pytest.raises(kind, match='COPY failed at "/x"') as caught, at_step(span, "COPY"):
        raise OSError(number, "no", "/x")
    assert caught.value.span == span
