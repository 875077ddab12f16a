#!/bin/sh
# Prints what a process sees of its container, one fact a line: NAME<tab>VALUE. A name may come more than once.
fact() { printf '%s\t%s\n' "$1" "$2"; }
lines() { while read -r line; do fact "$1" "$line"; done; } # one fact a line of the input
able() { # NAME COMMAND...: whether it works
  name=$1
  shift
  if "$@" >/dev/null 2>&1; then fact "able $name" yes; else fact "able $name" no; fi
}

processes() {
  grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups|Umask|SigBlk|SigIgn)' /proc/$$/status |
    while IFS=: read -r key value; do fact "status $key" "$(echo $value)"; done
  tr '\0' '\n' </proc/$$/environ | lines env
  fact argv "$(tr '\0' ' ' </proc/1/cmdline)"
  fact cwd "$(readlink /proc/$$/cwd)"
  fact oom_score_adj "$(cat /proc/$$/oom_score_adj)"
  fact nice "$(cut -d' ' -f19 /proc/$$/stat)"
  fact session "$(cut -d' ' -f5-7 /proc/$$/stat)"
  tail -n +2 /proc/$$/limits | while read -r line; do fact "limit $(echo "$line" | cut -c1-26 | sed 's/ *$//')" "$(echo $(echo "$line" | cut -c26-68))"; done
  for fd in /proc/$$/fd/*; do fact "fd ${fd##*/}" "$(readlink "$fd" | sed 's/\[.*\]//')"; done
  for space in /proc/$$/ns/*; do fact "ns ${space##*/}" "$(readlink "$space")"; done
  others=0
  for folder in /proc/[0-9]*; do others=$((others + 1)); done
  fact 'sees many processes' "$([ $others -gt 20 ] && echo yes || echo no)"
}

files() {
  while read -r _ _ _ root target options rest; do
    # Of the file system: its type and size; of the mount: what it forbids.
    fact "mount $target" "$options $(echo "$rest" | sed -n 's/.*- \([^ ]*\) .*/\1/p')$(echo "$rest" | grep -o ' tmpfs .*\(size=[0-9]*[a-z]*\)' | sed 's/.*size/ size/')"
    fact "propagation $target" "$(echo "$rest" | sed 's/- .*//; s/:[0-9]*//g')"
  done </proc/self/mountinfo
  find /dev -path '/dev/shm/*' -prune -o -print | sort | while read -r path; do
    if [ -L "$path" ]; then fact "dev $path" "$(readlink "$path")"; else fact "dev $path" "$(stat -c '%F %a %u:%g %t:%T' "$path")"; fi
  done
  for path in / /etc /tmp /sys /proc /run /data /data/* /data/sub/* /vol /vol/* /more /more/* /run/secrets/* /cfg /work; do
    [ ! -e "$path" ] || fact "file $path" "$(stat -c '%F %a %u:%g' "$path")"
  done
  ls -A / | lines 'in /'
  ls -A /etc | lines 'in /etc'
  for path in /run/secrets/* /cfg /data/file /vol/file; do [ ! -f "$path" ] || fact "content $path" "$(cat "$path")"; done
}

network() { names; links; }

names() {
  fact hostname "$(hostname)"
  fact 'kernel domainname' "$(cat /proc/sys/kernel/domainname)"
  fact /etc/hostname "$(cat /etc/hostname)"
  lines /etc/hosts </etc/hosts
  grep -v -e '^#' -e '^$' /etc/resolv.conf | lines /etc/resolv.conf
}

links() {
  ip -o link 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).* mtu \([0-9]*\).*/\1 mtu \2/' | lines link
  ip -o link 2>/dev/null | sed -n 's/.*link\/ether \([^ ]*\).*/\1/p' | lines mac
  ip -o addr 2>/dev/null | awk '{print $2, $3, $4}' | lines address
  ip route 2>/dev/null | lines route
  ip -6 route 2>/dev/null | awk '!/^(fe80|ff00|multicast)/ {print $1, $2, $3, $4, $5}' | lines 'IPv6 route'
  for name in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/ipv4/ip_forward net/core/somaxconn \
    net/ipv6/conf/all/disable_ipv6 kernel/shmmax kernel/msgmax fs/mqueue/msg_max; do
    [ ! -e "/proc/sys/$name" ] || fact "sysctl $name" "$(cat "/proc/sys/$name" | tr '\t' ' ')"
  done
}

cgroups() {
  for name in memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.swappiness \
    cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus cpuset/cpuset.mems pids/pids.max \
    memory.max memory.low cpu.max cpu.weight pids.max; do
    [ ! -e "/sys/fs/cgroup/$name" ] || fact "cgroup $name" "$(cat "/sys/fs/cgroup/$name")"
  done
  [ ! -e /sys/fs/cgroup/memory/memory.oom_control ] || fact 'cgroup oom' "$(head -1 /sys/fs/cgroup/memory/memory.oom_control)"
  for path in /sys/fs/cgroup/blkio/blkio.throttle.*_device; do
    [ ! -e "$path" ] || fact "cgroup ${path##*/}" "$(cat "$path")"
  done
  [ ! -e /sys/fs/cgroup/devices/devices.list ] || sort /sys/fs/cgroup/devices/devices.list | lines 'cgroup devices'
}

abilities() { # nothing here may change the host, even where it is allowed: some containers are privileged
  able 'write root' touch /new
  able 'write /tmp' touch /tmp/new
  able 'write /dev' touch /dev/new
  able 'write /data' touch /data/new
  able 'write /vol' touch /vol/new
  able 'write /run/x' touch /run/x/new
  able 'write sysctl' sh -c 'cat /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv4/ip_forward'
  able 'write sysrq' sh -c 'echo h >/proc/sysrq-trigger'
  able 'read kcore' dd if=/proc/kcore of=/dev/null bs=1 count=1
  able 'read keys' grep -q . /proc/keys
  able 'read firmware' sh -c 'ls /sys/firmware | grep -q .'
  able 'read timer_list' grep -q . /proc/timer_list
  able 'write cgroup' sh -c 'mkdir /sys/fs/cgroup/memory/new && rmdir /sys/fs/cgroup/memory/new'
  able 'mount tmpfs' mount -t tmpfs none /mnt
  able 'mount proc' mount -t proc none /mnt
  able 'unmount' umount /etc/hosts
  able 'chroot' chroot / true
  able 'unshare user' unshare -U true
  able 'unshare net' unshare -n true
  able 'mknod null' mknod /tmp/null c 1 3
  able 'mknod disk' mknod /tmp/disk b 254 0
  able 'read disk' dd if=/tmp/disk of=/dev/null bs=512 count=1
  able 'mknod kmsg' mknod /tmp/kmsg c 1 11
  able 'read kmsg' dd if=/tmp/kmsg of=/dev/null bs=8192 count=1
  able 'read dmesg' dmesg
  able 'chown' chown 12345 /tmp/new
  able 'low port' sh -c 'nc -l -p 81 </dev/null & sleep 0.1; kill $!'
  able 'ping' ping -c 1 -W 1 127.0.0.1
  able 'set hostname' sh -c 'hostname "$(hostname)"'
  able 'set link' sh -c 'ip link set lo mtu "$(cat /sys/class/net/lo/mtu)"'
  able 'raise limit' sh -c 'ulimit -H -n 2000000'
  able 'nice' nice -n -5 true
  able 'trace' sh -c 'ls /proc/1/root/'
  able 'bpf' ls /sys/fs/bpf/.
  able 'module' insmod /facts
}

case ${1:-all} in
  all) processes; files; network; cgroups; abilities ;;
  *) for part; do $part; done ;;
esac
fact done yes
