mkdir s
python3 -c "import socket; s = socket.socket(socket.AF_UNIX); s.bind(\"s/socket\")"
echo 1 > s/file
