ln -s nothing dangling
