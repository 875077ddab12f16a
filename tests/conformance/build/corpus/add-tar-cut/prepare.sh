mkdir -p t && head -c 100000 /dev/urandom | od -x > t/f
tar czf whole.tar.gz -C t .
head -c 50000 whole.tar.gz > archive.tar.gz
rm -r t whole.tar.gz
