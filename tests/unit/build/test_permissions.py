import stat

import pytest

from cais.build.permissions import apply_mode, check_mode
from cais.errors import InvalidDockerfile, Span

FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("0755", FILE | 0o600, 0o755),
        ("4755", FILE | 0o600, 0o4755),
        ("u=rwX,go=rX", FILE | 0o600, 0o644),
        ("u=rwX,go=rX", FILE | 0o700, 0o755),
        ("u=rwX,go=rX", FOLDER | 0o600, 0o755),
        ("+x", FILE | 0o644, 0o755),
        ("a-w", FILE | 0o666, 0o444),
        ("go=", FILE | 0o777, 0o700),
        ("g=u", FILE | 0o750, 0o770),
        ("u+s,g+s,+t", FILE | 0o755, 0o7755),
        ("u+w-x", FILE | 0o500, 0o600),
    ],
)
def test_modes(text: str, mode: int, expected: int) -> None:
    check_mode(text, Span("Dockerfile", 1))
    assert oct(apply_mode(text, mode)) == oct(expected)


@pytest.mark.parametrize("text", ["rwx", "8", "77777", "u=rwx;", "x+u=", ",", "0x1"])
def test_refused(text: str) -> None:
    with pytest.raises(InvalidDockerfile, match="--chmod cannot be"):
        check_mode(text, Span("Dockerfile", 1))
