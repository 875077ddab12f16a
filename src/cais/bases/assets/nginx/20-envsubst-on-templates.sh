#!/bin/sh
# Turns /etc/nginx/templates/*.template into configuration files, with the environment's variables put in. Only variables that are
# defined are replaced, so nginx's own ($host, $uri, ...) stay.
set -eu

say() {
  [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "${0##*/}: $*"
}

# fill FOLDER SUFFIX OUTPUT: every FOLDER/**/NAME.SUFFIX becomes OUTPUT/**/NAME.
fill() {
  find "$1" -follow -type f -name "*$2" | sort | while IFS= read -r template; do
    relative=${template#"$1"/}
    output=$3/${relative%"$2"}
    say "$template -> $output"
    mkdir -p "${output%/*}"
    envsubst "$variables" <"$template" >"$output"
  done
}

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
stream_suffix=${NGINX_ENVSUBST_STREAM_TEMPLATE_SUFFIX:-.stream-template}
stream_output=${NGINX_ENVSUBST_STREAM_OUTPUT_DIR:-/etc/nginx/stream-conf.d}

[ -d "$templates" ] || exit 0
# Names that a shell could not have are skipped: envsubst does not know them either.
variables=$(env -0 | tr '\0\n' '\n ' | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E "${NGINX_ENVSUBST_FILTER:-}" | sed 's/.*/${&}/' | tr '\n' ' ') || variables=''
if [ ! -w "$output" ]; then
  say "$templates exists, but $output is not writable: templates are not used"
  exit 0
fi
fill "$templates" "$suffix" "$output"
if [ -n "$(find "$templates" -follow -type f -name "*$stream_suffix" | head -n 1)" ]; then
  mkdir -p "$stream_output"
  fill "$templates" "$stream_suffix" "$stream_output"
  if ! grep -qs "^stream *{" /etc/nginx/nginx.conf; then
    printf '# added by %s\nstream {\n  include %s/*.conf;\n}\n' "${0##*/}" "$stream_output" >>/etc/nginx/nginx.conf
    say "added a stream block to /etc/nginx/nginx.conf"
  fi
fi
