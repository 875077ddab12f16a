#!/usr/bin/env bash
# A Docker Compose to compare with, unpacked from Debian's package at first use. `config` needs no engine.
#   scripts/docker-compose.sh path      prints where the program is
#   scripts/docker-compose.sh remove    removes it
set -euo pipefail
cd "$(dirname "$0")"

release=forky # the first with Docker Compose 2.40; the program also runs on bookworm
home=${CAIS_DOCKER_HOME:-/var/tmp/cais-docker}
prefix=$home/compose

die() { echo "docker-compose: $*" >&2; exit 1; }
. ./debian-packages.sh

case ${1:-} in
  path)
    mkdir -p "$home"
    # Two test processes may ask at once.
    exec 9>"$home/compose.lock"
    flock 9
    unpack_packages "$release" "$prefix" docker-compose
    echo "$prefix/usr/libexec/docker/cli-plugins/docker-compose"
    ;;
  remove) rm -rf "$prefix" ;;
  *) sed -n '2,4p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
