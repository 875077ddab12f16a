# Links, and modes that git does not keep.
ln -s sub/c.txt to-file
ln -s sub to-folder
mkdir links modes
ln -s ../a.txt links/inside
ln -s /etc/passwd links/outside
for name in setuid secret script; do echo $name > modes/$name; done
mkdir modes/empty
chmod 4755 modes/setuid
chmod 600 modes/secret
chmod 775 modes/script
chmod 1777 modes/empty
chown 1000:50 modes/secret
