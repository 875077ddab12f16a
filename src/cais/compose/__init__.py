"""Turns Compose files into a typed, frozen Project whose every value knows the line that set it. Reads files only through a reader handed in; knows nothing of hosts."""
