# Moves Debian's Python 3.13 under /usr/local. Links stay where things were, so packages that name /usr/bin/python3 or
# /usr/lib/python3.13 keep working, and diversions make upgrades of the packages land in the new places.
version=3.13
library=/usr/local/lib/python$version
packaged=/usr/lib/python$version

# pip installs by the layout Python itself has, not by Debian's: PREFIX/lib/python3.13/site-packages, PREFIX/bin.
schemes=$packaged/sysconfig/__init__.py
dpkg-divert --local --rename --divert "$schemes.debian" --add "$schemes"
sed "s/'posix_local')\$/'posix_prefix')/; s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" "$schemes.debian" >"$schemes"
if [ "$(diff "$schemes.debian" "$schemes" | grep -c '^>')" != 2 ]; then
  echo "Debian's sysconfig is not what this recipe was written for" >&2
  exit 1
fi

dpkg-divert --local --rename --divert /usr/local/bin/python$version --add /usr/bin/python$version
ln -s ../local/bin/python$version /usr/bin/python$version
# Debian makes the folder, empty, for modules that pip would install.
rmdir "$library/dist-packages" "$library"
mv "$packaged" "$library"
ln -s "../local/lib/python$version" "$packaged"

# The module `site` that would find site-packages is compiled into the interpreter and knows Debian's folders only. This file in one of those
# leads on to Python's own, then to modules installed by apt, and makes site.getsitepackages() say so (pip isolates builds by it).
mkdir -p "$library/site-packages" "$library/dist-packages"
cat >"$library/dist-packages/site-packages.pth" <<END
import site; site.addsitedir('$library/site-packages'); site.addsitedir('/usr/lib/python3/dist-packages')
import sys, site; sys.prefix == sys.base_prefix and setattr(site, 'getsitepackages', lambda prefixes=None, original=site.getsitepackages: original(prefixes) if prefixes else ['$library/site-packages'])
END

ln -s python$version /usr/local/bin/python3
ln -s python3 /usr/local/bin/python
ln -s /usr/bin/pydoc3 /usr/local/bin/pydoc3
ln -s pydoc3 /usr/local/bin/pydoc

# By hash, not by time: the file has the time of this run.
"/usr/local/bin/python$version" -m compileall -q --invalidation-mode unchecked-hash "$library/sysconfig/__init__.py"
