#!/bin/sh
# Becomes the Redis server, as user redis and with the data folder its own; any other command is run as it is.
set -eu

# Options or a settings file alone are meant for the server.
case "${1:-}" in
  -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec setpriv --reuid redis --regid redis --init-groups "$0" "$@"
  fi
  # A container is reached from others only: protected mode, which answers nobody but the local host, is off unless asked for.
  asked=no
  for argument; do
    case "$argument" in
      --protected-mode) asked=yes ;;
      *.conf) if grep -qs '^ *protected-mode' "$argument"; then asked=yes; fi ;;
    esac
  done
  [ "$asked" = yes ] || set -- "$@" --protected-mode no
  # Data is for the server only, unless the caller set something else than the default.
  [ "$(umask)" != 0022 ] || umask 0077
fi

exec "$@"
