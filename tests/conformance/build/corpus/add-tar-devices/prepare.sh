mkdir t
mknod t/null c 1 3
mkfifo t/pipe
tar cf archive.tar -C t .
rm -r t
