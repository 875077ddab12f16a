mkdir h
echo one > h/a
ln h/a h/b
