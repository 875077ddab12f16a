mkdir t
echo 1 > t/.wh.f
tar cf archive.tar -C t .
rm -r t
