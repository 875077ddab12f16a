"""Terminals: raw mode and the window's size (termios(3), ioctl_tty(2))."""

from __future__ import annotations

import contextlib
import os
import termios
import tty
from collections.abc import Iterator


@contextlib.contextmanager
def raw_mode(fd: int) -> Iterator[None]:
    """Within the block every key goes to the reader as it is; afterwards the terminal is as it was."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def window_size(fd: int) -> tuple[int, int]:
    """Rows and columns."""
    size = os.get_terminal_size(fd)
    return size.lines, size.columns


def set_window_size(fd: int, size: tuple[int, int]) -> None:
    """Give the terminal `size` rows and columns; its foreground processes get SIGWINCH."""
    termios.tcsetwinsize(fd, size)
