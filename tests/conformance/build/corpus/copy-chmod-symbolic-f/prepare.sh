mkdir -p s/d
chmod 6755 s/d
echo 1 > s/f
chmod 6755 s/f
