#!/usr/bin/env bash
# A BuildKit daemon to compare with, for what Docker's engine from Debian is too old for: built from its published Go modules
# with Debian's Go, run by hand, gone afterwards.
#   scripts/buildkit.sh start    builds it at first use (some minutes), starts it, waits until it answers
#   scripts/buildkit.sh stop     stops it; what it has stored is kept
#   scripts/buildkit.sh env      prints the path of its client and its address
#   scripts/buildkit.sh remove   stops it and removes everything
# Nothing is installed into the system. It has its own folder (CAIS_BUILDKIT_HOME) and mount namespace.
set -euo pipefail

version=v0.34.2
suite=forky # the Debian release whose Go is new enough
go=1.27

home=${CAIS_BUILDKIT_HOME:-/var/tmp/cais-buildkit}
bin=$home/bin/$version
address=unix://$home/run/buildkitd.sock
pidfile=$home/run/buildkitd.pid
log=$home/run/buildkitd.log

say() { echo "buildkit: $*" >&2; }
die() { say "$*"; exit 1; }

archive() {
  local codename
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }'
}

unpack_go() { # into $1
  local uri apt=$1/apt package
  uri=$(archive)
  [ -n "$uri" ] || die "this machine's apt sources name no Debian archive"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$uri" "$suite" >"$apt/sources/go.sources"
  local options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$apt/log" 2>&1 || die "apt-get update failed: $(tail -3 "$apt/log")"
  (cd "$apt/cache" && apt-get "${options[@]}" download "golang-$go-go" "golang-$go-src") >"$apt/log" 2>&1 ||
    die "apt-get download failed: $(tail -3 "$apt/log")"
  for package in "$apt"/cache/*.deb; do dpkg-deb -x "$package" "$1/go"; done
}

make_programs() {
  [ -x "$bin/buildkitd" ] && return 0
  local work=$home/work source
  say "building BuildKit $version from its Go modules; this takes some minutes"
  rm -rf "$work"
  mkdir -p "$work/module" "$bin.new"
  unpack_go "$work"
  export GOROOT=$work/go/usr/lib/go-$go GOPATH=$work/path GOCACHE=$work/cache GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-modcacherw
  source=$(cd "$work/module" && printf 'module x\n\ngo 1.26\n' >go.mod &&
    "$GOROOT/bin/go" mod download -json "github.com/moby/buildkit@$version" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
  [ -n "$source" ] || die 'its source cannot be had'
  (cd "$source" && "$GOROOT/bin/go" build -mod=mod -o "$bin.new/" ./cmd/buildkitd ./cmd/buildctl) >"$work/log" 2>&1 ||
    die "it could not be built: $(tail -3 "$work/log")"
  mv "$bin.new" "$bin"
  rm -rf "$work"
}

# The pid in the pid file, if that process is our daemon and not a later one with the same number.
daemon_pid() {
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$bin/buildkitd" ] && echo "$pid"
}

start() {
  [ "$(id -u)" = 0 ] || die 'it needs root'
  command -v runc >/dev/null || die '"runc" is missing; ./test installs it (scripts/packages-runtime.txt)'
  make_programs
  daemon_pid >/dev/null && return 0
  rm -rf "$home/run"
  mkdir -p "$home/run" "$home/data"
  : >"$home/run/config.toml"
  unshare --mount --propagation slave -- setsid "$bin/buildkitd" --root "$home/data" --addr "$address" \
    --config "$home/run/config.toml" --containerd-worker=false --oci-worker-net=host \
    --allow-insecure-entitlement security.insecure >"$log" 2>&1 </dev/null &
  echo $! >"$pidfile"
  for _ in $(seq 300); do
    "$bin/buildctl" --addr "$address" debug workers >/dev/null 2>&1 && return 0
    sleep 0.1
    daemon_pid >/dev/null || sleep 1
  done
  tail -5 "$log" >&2 || true
  stop
  die "it does not answer (its log: $log)"
}

stop() {
  local pid tries
  if pid=$(daemon_pid); then
    kill "$pid"
    for tries in $(seq 150); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
  fi
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  env) printf '%s\n' "CLIENT=$bin/buildctl" "ADDRESS=$address" "RUNNING=$(daemon_pid || true)" ;;
  remove) stop; rm -rf "$home" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
