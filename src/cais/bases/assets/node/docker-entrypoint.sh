#!/bin/sh
# Options, or a file that is no program, are meant for node.
set -eu
if [ "${1#-}" != "${1:-}" ] || [ -z "$(command -v "${1:-}" || true)" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- node "$@"
fi
exec "$@"
