#!/bin/sh
# Prepares nginx's configuration by the scripts in /docker-entrypoint.d, then becomes the command.
set -eu

say() {
  [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "$0: $*"
}

# Another command (a shell, nginx -t by path) is run as it is.
case "${1:-}" in
  nginx | nginx-debug) prepare=yes ;;
  *) prepare=no ;;
esac

if [ "$prepare" = yes ]; then
  for script in /docker-entrypoint.d/*; do
    [ -f "$script" ] || continue
    case "$script" in
      *.envsh)
        # Sourced, so that what it exports reaches the scripts after it and nginx.
        if [ -x "$script" ]; then say "sourcing $script"; . "$script"; else say "ignoring $script: not executable"; fi
        ;;
      *.sh)
        if [ -x "$script" ]; then say "running $script"; "$script"; else say "ignoring $script: not executable"; fi
        ;;
      *) say "ignoring $script: neither .sh nor .envsh" ;;
    esac
  done
  say "configuration complete; ready for start up"
fi

exec "$@"
