echo s > "star*name"
echo n > starname
