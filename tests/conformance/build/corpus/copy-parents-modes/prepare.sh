mkdir -p p/q
echo 1 > p/q/f
chmod 711 p
chmod 700 p/q
