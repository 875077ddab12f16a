: > empty.tar.gz
echo text > text.tar
