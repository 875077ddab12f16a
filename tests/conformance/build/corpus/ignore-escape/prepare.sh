echo 1 > "star*"
echo 2 > start
