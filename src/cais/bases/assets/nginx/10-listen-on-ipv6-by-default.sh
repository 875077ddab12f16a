#!/bin/sh
# Adds an IPv6 listener to the default site, when the machine has IPv6 and the site is still the one of the image.
set -eu
site=/etc/nginx/conf.d/default.conf

say() {
  [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "${0##*/}: $*"
}

[ -f /proc/net/if_inet6 ] || { say "no IPv6 on this machine"; exit 0; }
[ -f "$site" ] || { say "$site is not there"; exit 0; }
[ -w "$site" ] || { say "$site is not writable"; exit 0; }
grep -q 'listen  *\[' "$site" && { say "IPv6 is on already"; exit 0; }
# The sum was taken when the image was made.
(cd / && sha256sum --status --check /usr/share/nginx/default.conf.sha256) || { say "$site was changed"; exit 0; }
changed=$(sed 's/^\( *\)listen  *80;/&\n\1listen  [::]:80;/' "$site")
printf '%s\n' "$changed" >"$site"
say "IPv6 is on in $site"
