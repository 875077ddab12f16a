#!/bin/sh
# With NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE set: as many workers as the container may use processors (affinity and cgroup quota).
set -eu
[ -n "${NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE:-}" ] || exit 0
configuration=/etc/nginx/nginx.conf
[ -w "$configuration" ] || { echo "${0##*/}: $configuration is not writable"; exit 0; }

workers=$(nproc)
limit() {
  # limit QUOTA PERIOD, in microseconds: rounded up, never under one.
  case "$1" in max | -1 | '') return ;; esac
  allowed=$((($1 + $2 - 1) / $2))
  [ "$allowed" -ge "$workers" ] || workers=$allowed
  [ "$workers" -ge 1 ] || workers=1
}
if [ -r /sys/fs/cgroup/cpu.max ]; then
  read -r quota period </sys/fs/cgroup/cpu.max
  limit "$quota" "$period"
elif [ -r /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
  limit "$(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us)" "$(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us)"
fi
changed=$(sed "s/^\( *worker_processes  *\).*;/\1$workers;/" "$configuration")
printf '%s\n' "$changed" >"$configuration"
