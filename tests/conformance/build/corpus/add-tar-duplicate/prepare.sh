mkdir t
echo 1 > t/f
tar cf archive.tar -C t f
echo 2 > t/f
tar rf archive.tar -C t f
rm -r t
