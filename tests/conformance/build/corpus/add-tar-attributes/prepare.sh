mkdir t
echo 1 > t/f
python3 -c "import os; os.setxattr(\"t/f\", \"user.note\", b\"v\"); os.setxattr(\"t/f\", \"security.capability\", bytes.fromhex(\"0100000200040000000000000000000000000000\"))"
tar --xattrs --xattrs-include="*" --format=pax -cf archive.tar -C t .
rm -r t
