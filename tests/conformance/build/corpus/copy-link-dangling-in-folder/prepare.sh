mkdir d
ln -s nothing d/dangling
