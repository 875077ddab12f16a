ln -s loop2 loop1
ln -s loop1 loop2
