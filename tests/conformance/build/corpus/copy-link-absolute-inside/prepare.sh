ln -s /sub/c.txt abs
