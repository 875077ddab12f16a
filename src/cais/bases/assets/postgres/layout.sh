localedef -i en_US -c -f UTF-8 -A /usr/share/locale/locale.alias en_US.UTF-8
# The settings every new cluster starts with: reachable from outside the container.
sample=/usr/share/postgresql/17/postgresql.conf.sample
dpkg-divert --quiet --local --rename --divert "$sample.dpkg" --add "$sample"
sed "s/^#listen_addresses *=.*/listen_addresses = '*'/" "$sample.dpkg" >"$sample"
grep -q "^listen_addresses = '\*'" "$sample"
ln -sf /usr/sbin/gosu /usr/local/bin/gosu
mkdir -p /docker-entrypoint-initdb.d
install --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql
install --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql/data
ln -sf /usr/local/bin/docker-entrypoint.sh /docker-entrypoint.sh
# A private key that everybody with this image would have is of no use.
rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem
find /etc/ssl/certs -xtype l -delete
