mkdir private
echo p > private/f
chmod 700 private
