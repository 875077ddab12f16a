#!/usr/bin/env bash
# A fresh Debian on this machine: what `./run` does for somebody who starts with nothing, without spoiling what is here.
#   scripts/fresh-machine.sh FOLDER [COMMAND...]   makes a minimal Debian root in FOLDER if there is none, copies the files
#                                                  of this checkout (not the ignored ones) to /root/cais in it, and runs COMMAND there
#                                                  (default: ./run -y)
# Needs root and mmdebstrap. The root has what the smallest Debian server has: no Python, no certificates, no compiler. It
# shares this machine's kernel and apt sources (and its own certificates, as behind a company's proxy).
set -euo pipefail
checkout=$(realpath "$(dirname "$0")/..")
folder=${1:?usage: scripts/fresh-machine.sh FOLDER [COMMAND...]}
shift
[ $# -gt 0 ] || set -- ./run -y
mkdir -p "$folder"
folder=$(realpath "$folder")
root=$folder/root

sources() {
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then cat /etc/apt/sources.list.d/debian.sources; else cat /etc/apt/sources.list; fi
}

if [ ! -e "$folder/made" ]; then
  rm -rf "$root"
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  sources | mmdebstrap --quiet --variant=minbase "$suite" "$root" -
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin # a fresh machine's lists are old or missing
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
  [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  touch "$folder/made"
fi
mkdir -p "$root/root/cais"
find "$root/root/cais" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
git -C "$checkout" ls-files -z --cached --others --exclude-standard | tar -C "$checkout" --null --files-from=- -c | tar -C "$root/root/cais" -x
# The history too: tests ask git about files.
git clone --quiet --no-checkout "$checkout" "$folder/clone"
mv "$folder/clone/.git" "$root/root/cais/.git"
rmdir "$folder/clone"
git -C "$root/root/cais" reset --quiet

# A network of its own behind this machine's address: its ports, interfaces and packet filter are not this machine's.
namespace=fresh-debian
outside=10.211.55.1
inside=10.211.55.2
network_down() {
  nft delete table ip fresh_debian 2>/dev/null || true
  ip link delete fresh-debian 2>/dev/null || true
  ip netns delete "$namespace" 2>/dev/null || true
}
network_up() {
  local device
  device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -1)
  echo 1 >/proc/sys/net/ipv4/ip_forward
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  ip link add fresh-debian mtu "$(cat "/sys/class/net/$device/mtu")" type veth peer name eth0 netns "$namespace"
  ip address add "$outside/30" dev fresh-debian
  ip link set fresh-debian up
  ip -n "$namespace" address add "$inside/30" dev eth0
  ip -n "$namespace" link set eth0 up
  ip -n "$namespace" route add default via "$outside"
  nft "table ip fresh_debian { chain outward { type nat hook postrouting priority srcnat; ip saddr $inside oifname \"$device\" masquerade; }; }"
}
trap network_down EXIT
network_down
network_up
echo "this machine reaches the fresh one at $inside"

# Mounts and processes of its own: what a run leaves behind ends with the shell that started it.
nsenter --net="/run/netns/$namespace" unshare --mount --pid --fork --propagation private bash -euc '
  root=$1; shift
  mount --bind "$root" "$root"
  mount --rbind /dev "$root/dev"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  cd /root/cais
  # This shell stays: it is PID 1 here, and reaps what is left to it, as every init does.
  env -i HOME=/root TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" || exit $?
  exit 0
' fresh-machine "$root" "$@"
