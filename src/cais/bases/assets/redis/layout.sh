rm -rf /var/lib/redis /var/log/redis /etc/redis
install --directory --owner redis --group redis --mode 755 /data
