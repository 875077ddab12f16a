# Shared by ./run and ./test: system packages and the virtual environment. Sourced, never run.

# Every system package, with the reason. One list for ./run, ./test and bench/run.
runtime_packages=scripts/packages-runtime.txt
python_packages=scripts/packages-python.txt
test_packages=scripts/packages-test.txt
bench_packages=scripts/packages-bench.txt

began=$(date +%s)
step() { printf '[%3ds] %s\n' $(($(date +%s) - began)) "$*"; }

# package_lists runtime|test|bench: the lists that count. Python's only where no Python will do.
package_lists() {
  echo "$runtime_packages"
  [ "$1" != test ] || echo "$test_packages"
  [ "$1" != bench ] || echo "$bench_packages"
  [ -n "$(find_python)" ] || echo "$python_packages"
}

package_lines() { sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$@"; }

# missing_packages LIST...: the lines ("name # reason") of what is not installed.
missing_packages() {
  local line
  package_lines "$@" | while read -r line; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "${line%%[[:space:]#]*}" 2>/dev/null)" = installed ] || echo "$line"
  done
}

# ensure_system_packages runtime|test|bench [yes]: installs what is missing. On a terminal it says what and why, and asks, unless `yes`.
# Without root it prints the exact command and stops.
ensure_system_packages() {
  local lists missing names answer
  mapfile -t lists < <(package_lists "$1")
  command -v dpkg-query >/dev/null || { echo "this is no Debian: install the equivalents of ${lists[*]} by hand" >&2; exit 1; }
  missing=$(missing_packages "${lists[@]}")
  [ -n "$missing" ] || return 0
  names=$(sed 's/[[:space:]#].*//' <<<"$missing" | tr '\n' ' ')
  names=${names% }
  echo "Debian packages that are missing:"
  sed 's/^/  /' <<<"$missing"
  if [ "$(id -u)" != 0 ]; then
    echo "Install them with:" >&2
    echo "  sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends $names'" >&2
    exit 1
  fi
  if [ "${2:-no}" = no ] && [ -t 0 ] && [ -t 1 ]; then
    read -r -p "Install them? [Y/n] " answer
    case $answer in '' | y | Y | yes) ;; *) echo "nothing was installed" >&2; exit 1 ;; esac
  fi
  install_packages $names
}

# install_packages NAME...: with the lists of packages that are there; if they are too old or missing, with new ones.
install_packages() {
  local log=/tmp/cais-apt.log
  apt_get "$log" install --no-install-recommends "$@" && return 0
  echo "  the lists of packages are missing or too old: apt-get update"
  apt_get "$log" update && apt_get "$log" install --no-install-recommends "$@" && return 0
  echo "apt-get failed; the last lines of $log:" >&2
  tail -20 "$log" >&2
  exit 1
}

# apt_get LOG ARGUMENT...: one line for each package fetched and set up, everything in LOG.
apt_get() {
  local log=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Use-Pty=0 -o APT::Color=0 "$@" 2>&1 | tee "$log" |
    awk '/^Get:/ { n++ } /^Fetched / { print "  " $0 } /^Setting up / { print "  " $3, substr($4, 2, length($4) - 2); fflush() }'
}

# find_python: the first Python that will do (3.11 or later, able to make virtual environments); nothing if there is none.
find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
}

# ensure_venv run|dev: .venv with Cais from this checkout; a stamp makes a second call a matter of milliseconds.
ensure_venv() {
  local extra='' stamp wanted python
  [ "$1" = dev ] && extra='[dev]'
  stamp=".venv/.cais-$1"
  wanted=$(cat pyproject.toml <(realpath -m .venv) | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || ! [ -x .venv/bin/cais ]; then
    step "virtual environment (.venv), Cais in it (.venv/bin/cais)"
    if ! .venv/bin/python -c '' 2>/dev/null; then
      python=$(find_python)
      [ -n "$python" ] || { echo "Python 3.11 or later with venv is needed: apt-get install python3 python3-venv" >&2; exit 1; }
      "$python" -m venv --clear .venv
    fi
    .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off -e ".$extra" |
      awk '/^Collecting|^Successfully/ { print "  " $0; fflush() }'
    echo "$wanted" >"$stamp"
  fi
  # Compiled once here: PYTHONDONTWRITEBYTECODE in the caller's environment would make every start of cais slow.
  env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -q src .venv/lib/python*/site-packages/{msgspec,yaml} >/dev/null || true
}

# ensure_fuzzer: atheris, for tests/fuzz. Where there is no wheel of it for this Python, or none can be fetched, those tests are skipped and say so.
ensure_fuzzer() {
  .venv/bin/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("atheris") is None)' ||
    .venv/bin/python -m pip install -q --disable-pip-version-check --only-binary :all: -e '.[fuzz]' ||
    echo "  atheris cannot be installed here"
}

# test_stacks [NAME]: the unit tests of the example systems (of one), each with its own requirements. Fails if one failed.
test_stacks() {
  local requirements folder home failed=0
  for requirements in stacks/${1:-*}/{,*/}requirements.txt; do
    folder=${requirements%/requirements.txt}
    [ -d "$folder/tests" ] || continue
    echo "$folder"
    home=$(stack_venv "$requirements") || { failed=1; continue; }
    "$home/bin/python" -m pytest -q -p no:cacheprovider "$folder/tests" || failed=1
  done
  return $failed
}

# stack_venv REQUIREMENTS: the folder of the virtual environment for it, made if it is missing.
stack_venv() {
  local home
  home=.venv/stacks/$(cat "${1%/*}"/requirements*.txt <(.venv/bin/python -V) | sha256sum | cut -c1-16)
  [ -e "$home/ready" ] || make_stack_venv "$home" "$1" >&2 || return
  echo "$home"
}

# make_stack_venv FOLDER REQUIREMENTS: a virtual environment with exactly what the image gets, and pytest; and requirements-test.txt, where that is beside it.
make_stack_venv() {
  local home=$1 pip
  pip=("$home/bin/python" -m pip install -q --disable-pip-version-check)
  .venv/bin/python -m venv --clear "$home" &&
    "${pip[@]}" --require-hashes -r "$2" &&
    { [ ! -e "${2%/*}/requirements-test.txt" ] || "${pip[@]}" --require-hashes -r "${2%/*}/requirements-test.txt"; } &&
    "${pip[@]}" "pytest==$(.venv/bin/python -c 'import pytest; print(pytest.__version__)')" &&
    touch "$home/ready"
}

lint() {
  .venv/bin/ruff format --check -q src tests bench stacks &&
    .venv/bin/ruff check -q src tests bench stacks &&
    .venv/bin/mypy --no-error-summary
}
