mkdir -p x
echo 1 > x/f
python3 -c "import os; os.setxattr(\"x/f\", \"user.note\", b\"v\")"
