#!/usr/bin/env bash
# Makes the Dockerfile's base where no registry answers: a minimal Debian 12 and a Python 3.12 that is on this machine, imported under the base's name.
#   sudo ./import-base.sh [PREFIX]     PREFIX: where that Python is installed; without it pyenv's, uv's, or the one that `python3.12` starts
# README.md explains the steps. Needs mmdebstrap (Debian's package) and cais.
set -euo pipefail

name=python:3.12-slim-bookworm
suite=bookworm
modules=ssl,sqlite3,ctypes,lzma,bz2,zlib,readline,uuid,venv,ensurepip

die() { echo "import-base.sh: $*" >&2; exit 1; }

# The folder of an installation that can be taken as a whole: not /usr, where Python lies among everything else.
find_prefix() {
  local folder
  for folder in ~/.pyenv/versions/3.12.* ~/.local/share/uv/python/cpython-3.12.*; do
    [ -x "$folder/bin/python3.12" ] && { echo "$folder"; return; }
  done
  python3.12 -c 'import sys; print(sys.base_prefix)' 2>/dev/null || true
}

# What a program and its libraries link to beyond themselves, as Debian packages of this machine.
packages_of() {
  find "$1/bin/python3.12" "$1/lib" -name '*tkinter*' -prune -o -type f \( -name '*.so*' -o -perm -u+x \) -print0 |
    { xargs -0 ldd 2>/dev/null || true; } | awk -v own="$1/" '$3 ~ /^\// && index($3, own) != 1 { print $3 }' | sort -u |
    while read -r library; do
      dpkg -S "$library" 2>/dev/null || dpkg -S "/usr$library" 2>/dev/null || die "no package has $library"
    done | sed 's/:.*//' | sort -u
}

# This machine's own sources of Debian 12, as lines of sources.list; on another Debian, its archive with the other suite.
sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | awk -v suite=$suite '
    $3 == "main" && $2 ~ "^" suite { lines[++found] = "deb " $1 " " $2 " main" }
    $3 == "main" && !any { any = $1 }
    END { for (n = 1; n <= found; n++) print lines[n]; if (!found && any) print "deb " any " " suite " main" }'
}

[ "$(id -u)" = 0 ] || die 'a root file system is made as root: sudo ./import-base.sh'
prefix=${1:-$(find_prefix)}
[ -x "$prefix/bin/python3.12" ] || die 'no Python 3.12 is on this machine; `uv python install 3.12` or `pyenv install 3.12` brings one'
[ "$prefix" != /usr ] || die "the Python 3.12 of this machine's distribution cannot be taken out of /usr; bring one with uv or pyenv"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

echo "1. a minimal Debian 12, with the libraries that $prefix needs"
include=$(packages_of "$prefix" | tr '\n' ',')ca-certificates,netbase,tzdata
sources | mmdebstrap --quiet --variant=minbase --include="$include" "$suite" "$root" -

echo "2. the interpreter, without its tests and without what was installed into it"
tar -C "$prefix" -c --exclude='lib/python3.12/test' --exclude='lib/python3.12/site-packages/*' --exclude='__pycache__' \
  --exclude='*tkinter*' --exclude='*.a' bin/python3.12 bin/python3 bin/python lib include | tar -C "$root/usr/local" -x --no-same-owner
chroot "$root" ldconfig
PIP_ROOT_USER_ACTION=ignore chroot "$root" python3.12 -m ensurepip >/dev/null
ln -sf pip3 "$root/usr/local/bin/pip"
chroot "$root" python3.12 -m compileall -q --invalidation-mode unchecked-hash /usr/local/lib/python3.12 >/dev/null || true

echo "3. does it work?"
chroot "$root" /usr/local/bin/python -c "import $modules, sys; print('   Python', sys.version.split()[0])"
chroot "$root" /usr/local/bin/pip --version | sed 's/^/   /'
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/tmp/*

echo "4. cais image import ROOT $name"
cais image import "$root" "$name" -c 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' -c 'ENV LANG=C.UTF-8' -c 'CMD ["python3"]'
