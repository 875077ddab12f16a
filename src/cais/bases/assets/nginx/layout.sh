# Debian's nginx, arranged as the official image is. Its sites-* folders have no part in that.
rm -rf /etc/nginx/sites-available /etc/nginx/sites-enabled /etc/nginx/snippets /var/www/html
rm -f /usr/share/nginx/html/*

# Temporary files go where users of the official image put a tmpfs for read-only containers.
rm -rf /var/lib/nginx
mkdir -p /var/cache/nginx
chown nginx:nginx /var/cache/nginx
ln -s ../cache/nginx /var/lib/nginx

# Logs go to the container's output.
mkdir -p /var/log/nginx
ln -sf /dev/stdout /var/log/nginx/access.log
ln -sf /dev/stderr /var/log/nginx/error.log

# Also nginx started as its own user must be able to write its pid.
: >/run/nginx.pid
chown nginx:nginx /run/nginx.pid
[ -e /var/run ] || ln -s /run /var/run
ln -sfn /usr/lib/nginx/modules /etc/nginx/modules
