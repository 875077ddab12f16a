# To be sourced. Unpacks packages of any Debian release beside the system: its own configuration of apt, nothing installed.

# The address of the Debian archive this machine uses, read from its own apt sources.
archive() {
  local codename
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }'
}

# unpack_packages RELEASE FOLDER PACKAGE…: FOLDER becomes a root with these packages; needs `die`. A folder that is complete is left alone.
unpack_packages() {
  local release=$1 prefix=$2 apt=$2.apt uri package
  shift 2
  [ -e "$prefix/.complete" ] && return 0
  uri=$(archive)
  [ -n "$uri" ] || { apt-get update -qq && uri=$(archive); }
  [ -n "$uri" ] || die "this machine's apt sources name no Debian archive"
  rm -rf "$apt" "$prefix"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$prefix"
  # A configuration of its own: the system's sources, lists and packages stay as they are.
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$uri" "$release" >"$apt/sources/one.sources"
  local options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$apt/log" 2>&1 || die "apt-get update failed: $(tail -3 "$apt/log")"
  (cd "$apt/cache" && apt-get "${options[@]}" download "$@") >"$apt/log" 2>&1 ||
    die "apt-get download failed: $(tail -3 "$apt/log")"
  for package in "$apt"/cache/*.deb; do dpkg-deb -x "$package" "$prefix"; done
  rm -rf "$apt"
  touch "$prefix/.complete"
}
