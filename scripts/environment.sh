# Shared by ./run and ./test: system packages and the virtual environment. Sourced, never run.

# Every system package, with the reason. One list for ./run, ./test and `cais doctor`.
runtime_packages=scripts/packages-runtime.txt
test_packages=scripts/packages-test.txt
bench_packages=scripts/packages-bench.txt

package_names() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@"; }

missing_packages() {
  local name
  for name in $(package_names "$@"); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# confirm_packages yes|no: on a terminal, lists what would be installed with the reason for each and asks.
confirm_packages() {
  local missing name answer
  missing=$(missing_packages "$runtime_packages")
  [ -n "$missing" ] && [ "$1" = no ] && [ -t 0 ] && [ -t 1 ] && [ "$(id -u)" = 0 ] || return 0
  echo "Cais needs these Debian packages:"
  for name in $missing; do grep -E "^$name([[:space:]]|$)" "$runtime_packages" | sed 's/^/  /'; done
  read -r -p "Install them? [Y/n] " answer
  case $answer in '' | y | Y | yes) ;; *) echo "nothing was installed"; exit 1 ;; esac
}

# ensure_system_packages runtime|test|bench: installs what is missing, as root; else prints the exact command and stops.
ensure_system_packages() {
  local lists=("$runtime_packages") missing
  [ "$1" = test ] && lists+=("$test_packages")
  [ "$1" = bench ] && lists+=("$bench_packages")
  missing=$(missing_packages "${lists[@]}" | tr '\n' ' ')
  missing=${missing% }
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" != 0 ]; then
    echo "Missing system packages. Install them with:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing" >&2
    exit 1
  fi
  echo "Installing system packages: $missing"
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/tmp/cais-apt.log 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/tmp/cais-apt.log 2>&1; } ||
    { tail -20 /tmp/cais-apt.log >&2; exit 1; }
}

find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"; return 0
    fi
  done
  echo "Python 3.11 or later with venv is needed: apt-get install python3 python3-venv" >&2
  return 1
}

# ensure_venv run|dev: .venv with Cais from this checkout; a stamp makes a second call a matter of milliseconds.
ensure_venv() {
  local extra='' stamp wanted
  [ "$1" = dev ] && extra='[dev]'
  stamp=".venv/.cais-$1"
  wanted=$(sha256sum pyproject.toml | cut -d' ' -f1)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    [ -x .venv/bin/python ] || "$(find_python)" -m venv .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".$extra"
    echo "$wanted" >"$stamp"
  fi
  # Compiled once here: PYTHONDONTWRITEBYTECODE in the caller's environment would make every start of cais slow.
  .venv/bin/python -m compileall -q src .venv/lib/python*/site-packages/msgspec .venv/lib/python*/site-packages/yaml >/dev/null || true
}

lint() {
  .venv/bin/ruff format --check -q src tests bench
  .venv/bin/ruff check -q src tests bench
  .venv/bin/mypy --no-error-summary
}
