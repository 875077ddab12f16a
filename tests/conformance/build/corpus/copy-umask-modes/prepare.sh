mkdir odd
for m in 000 200 222 777 001; do echo $m > odd/$m; done
for m in 000 200 222 777 001; do chmod $m odd/$m; done
