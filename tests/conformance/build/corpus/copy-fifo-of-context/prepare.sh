mkdir f
mkfifo f/pipe
echo 1 > f/file
