# pip from the wheel that Debian keeps for virtual environments.
wheels=/usr/share/python-wheels
set -- "$wheels"/pip-*.whl
python3 "$1/pip" install --quiet --no-index --find-links "$wheels" --no-compile --no-cache-dir \
  --disable-pip-version-check --root-user-action ignore pip
# Compiled now, so that `pip install` in a build neither takes the time nor leaves it in a layer.
python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash /usr/local/lib/python3.13/site-packages/pip
