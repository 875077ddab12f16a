#!/usr/bin/env bash
# A Docker engine to compare with: unpacked from Debian's packages, run by hand, gone afterwards.
#   scripts/docker-engine.sh start          unpacks it at first use, starts it, waits until it answers
#   scripts/docker-engine.sh stop           removes its containers and stops it; images and volumes with a name are kept
#   scripts/docker-engine.sh run COMMAND…   runs a command beside it (`run docker ps`)
#   scripts/docker-engine.sh env            prints what a client needs: environment, and the network namespace to be in
#   scripts/docker-engine.sh remove         stops it and removes all it has stored
# Nothing is installed into the system and no file of the system changes. The engine has its own folder (CAIS_DOCKER_HOME),
# mount namespace and network namespace: its bridges, its iptables rules and the FORWARD policy it sets to DROP exist in
# there only and end with it. A published port is therefore reached from `run`, not from outside.
set -euo pipefail

# CAIS_DOCKER_SUITE names another release. This one is the first with Compose v2 beside the engine; its programs also run on bookworm.
suite=${CAIS_DOCKER_SUITE:-trixie}
packages='docker.io docker-cli docker-compose docker-buildx containerd tini'

home=${CAIS_DOCKER_HOME:-/var/tmp/cais-docker}
key=$(printf %s "$home" | sha256sum | cut -c1-6)
namespace=cais-docker-$key
uplink=cdk$key # the host's end of the veth pair through which builds reach the network
octet=$((16#${key:0:2}))
host_address=100.127.$octet.1
engine_address=100.127.$octet.2
table=cais_docker_$key
prefix=$home/prefix
socket=$home/run/docker.sock
pidfile=$home/run/docker.pid
log=$home/run/dockerd.log
client_path=$prefix/usr/bin:$prefix/usr/sbin:$PATH

say() { echo "docker-engine: $*" >&2; }
die() { say "$*"; exit 1; }
. "$(dirname "$0")/debian-packages.sh"

check_host() {
  local program
  [ "$(id -u)" = 0 ] || die 'a Docker engine needs root'
  for program in runc iptables nft ip nsenter unshare dpkg-deb apt-get; do
    command -v "$program" >/dev/null || die "\"$program\" is missing; ./test installs it (scripts/packages-runtime.txt)"
  done
}

unpack() {
  [ -e "$prefix/.complete" ] && return 0
  say "unpacking $packages from Debian $suite into $prefix"
  # shellcheck disable=SC2086
  unpack_packages "$suite" "$prefix" $packages
  mkdir -p "$home/config/cli-plugins"
  ln -sf "$prefix"/usr/libexec/docker/cli-plugins/* "$home/config/cli-plugins/"
}

# The pid in the pid file, if that process is our dockerd and not a later one with the same number.
engine_pid() {
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$prefix/usr/sbin/dockerd" ] && echo "$pid"
}

# Programs left by an engine that was killed: they carry this engine's folder in their command line.
stragglers() {
  local folder
  for folder in /proc/[0-9]*; do
    case $(readlink "$folder/exe" 2>/dev/null) in "$prefix"/*) ;; *) continue ;; esac
    echo "${folder#/proc/}"
  done
}

network_up() {
  local mtu device
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  # As on a fresh machine: an engine that turns forwarding on itself also sets the FORWARD policy to DROP.
  nsenter --net="/run/netns/$namespace" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
  device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -1)
  [ -n "$device" ] || return 0 # no network outside: builds that need one fail with their own message
  mtu=$(cat "/sys/class/net/$device/mtu")
  ip link add "$uplink" mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns "$namespace"
  ip address add "$host_address/30" dev "$uplink"
  ip link set "$uplink" up
  ip -n "$namespace" address add "$engine_address/30" dev eth0
  ip -n "$namespace" link set eth0 up
  ip -n "$namespace" route add default via "$host_address"
  nft -f - <<RULES
table ip $table {
  chain outward { type nat hook postrouting priority srcnat; ip saddr $engine_address oifname "$device" masquerade; }
}
RULES
  echo "$mtu" >"$home/run/mtu"
}

network_down() {
  nft delete table ip "$table" 2>/dev/null || true
  ip link delete "$uplink" 2>/dev/null || true
  ip netns delete "$namespace" 2>/dev/null || true
}

beside() { # COMMAND…: with the client's environment, in the engine's network namespace
  env PATH="$client_path" DOCKER_HOST="unix://$socket" DOCKER_CONFIG="$home/config" \
    nsenter --net="/run/netns/$namespace" -- "$@"
}

start() {
  check_host
  unpack
  if engine_pid >/dev/null; then wait_ready; return; fi
  clear_up
  rm -rf "$home/run" "$home/exec"
  mkdir -p "$home/run" "$home/data" "$home/config"
  network_up
  echo '{}' >"$home/run/daemon.json"
  # `slave`: the host's mounts are seen, the engine's stay inside and end with it.
  beside unshare --mount --propagation slave -- setsid dockerd --data-root "$home/data" --exec-root "$home/exec" \
    --host "unix://$socket" --pidfile "$pidfile" --config-file "$home/run/daemon.json" \
    --cgroup-parent "/$namespace" --mtu "$(cat "$home/run/mtu" 2>/dev/null || echo 1500)" >"$log" 2>&1 </dev/null &
  wait_ready
}

wait_ready() {
  local tries
  for tries in $(seq 300); do
    beside docker version >/dev/null 2>&1 && return 0
    # Two seconds are given for the pid file to appear.
    [ "$tries" -gt 20 ] && ! engine_pid >/dev/null && break
    sleep 0.1
  done
  tail -5 "$log" >&2 || true
  stop
  die "the Docker engine does not answer (its log: $log)"
}

stop() {
  local pid containers tries
  if pid=$(engine_pid); then
    containers=$(beside timeout 30 docker ps -aq 2>/dev/null) || containers=''
    # shellcheck disable=SC2086
    [ -z "$containers" ] || beside timeout 60 docker rm -fv $containers >/dev/null 2>&1 || true
    kill "$pid"
    for tries in $(seq 150); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
  fi
  clear_up
}

clear_up() {
  local pid
  for pid in $(stragglers); do kill -9 "$pid" 2>/dev/null || true; done
  find /sys/fs/cgroup -maxdepth 4 -depth -type d -path "*/$namespace*" -exec rmdir {} + 2>/dev/null || true
  network_down
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  run) shift; engine_pid >/dev/null || die 'the engine is not running: scripts/docker-engine.sh start'; beside "$@" ;;
  env) printf '%s\n' "PATH=$client_path" "DOCKER_HOST=unix://$socket" "DOCKER_CONFIG=$home/config" \
    "NETWORK_NAMESPACE=/run/netns/$namespace" "HOST_ADDRESS=$host_address" "PROGRAMS=$prefix" "STATE=$home/run" "RUNNING=$(engine_pid || true)" ;;
  remove) stop; rm -rf "$home" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
