# unpack.sh ROOT: puts the packages of this folder into ROOT without running anything of theirs. Run on the machine: the root has no shell.
root=$1

# Every file becomes what dpkg would make of it, but documentation stays behind (licences do not).
unpack() {
  dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$root" --keep-directory-symlink --same-owner --preserve-permissions \
    --exclude './usr/share/man/*' --exclude './usr/share/locale/*' --exclude './usr/share/lintian/*' --exclude './usr/share/info/*' \
    --exclude './usr/share/doc/*/[!c]*' --exclude './usr/share/doc/*/changelog*' --exclude './usr/share/bug/*'
}

# base-files makes the links of the merged /usr, which the others lie behind.
for file in base-files_*.deb *.deb; do
  [ -f "$file" ] || continue
  name=$(dpkg-deb --field "$file" Package)
  [ -e "$root/var/lib/dpkg/status.d/$name" ] && continue
  unpack "$file"
  mkdir -p "$root/var/lib/dpkg/status.d"
  # What scanners read, since there is no dpkg.
  dpkg-deb --field "$file" >"$root/var/lib/dpkg/status.d/$name"
done

# What ca-certificates would do when installed.
if [ -d "$root/usr/share/ca-certificates/mozilla" ]; then
  mkdir -p "$root/etc/ssl/certs"
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$root/usr/share/ca-certificates" "$root/usr/sbin/update-ca-certificates" "$root/etc/ca-certificates"
fi
