#!/usr/bin/env bash
# Makes a database cluster in an empty $PGDATA as the environment says, then becomes the server. Any other command is run as it is.
#
#   POSTGRES_PASSWORD        password of the superuser; needed unless POSTGRES_HOST_AUTH_METHOD=trust
#   POSTGRES_USER            name of the superuser (postgres)
#   POSTGRES_DB              database to create (the superuser's name)
#   POSTGRES_INITDB_ARGS     more arguments for initdb
#   POSTGRES_INITDB_WALDIR   folder for the write-ahead log
#   POSTGRES_HOST_AUTH_METHOD  method for connections over the network (the server's password_encryption)
#
# The first four may be read from a file instead, named by the same variable with _FILE at the end.
set -Eeuo pipefail
shopt -s nullglob

scripts=/docker-entrypoint-initdb.d
socket_folder=/var/run/postgresql

fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 1
}

# take VARIABLE [DEFAULT]: exports VARIABLE from itself, from the file named by VARIABLE_FILE, or with the default.
take() {
  local name=$1 default=${2:-} file_name=$1_FILE
  if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
    fail "both $name and $file_name are set: only one of them can count"
  fi
  local value=${!name:-$default}
  [ -z "${!file_name:-}" ] || value=$(<"${!file_name}")
  export "$name=$value"
  unset "$file_name"
}

take_settings() {
  take POSTGRES_PASSWORD
  take POSTGRES_USER postgres
  take POSTGRES_DB "$POSTGRES_USER"
  take POSTGRES_INITDB_ARGS
  : "${POSTGRES_HOST_AUTH_METHOD:=}"
}

# Some arguments only ask for a word and need no database.
only_asks() {
  local argument
  for argument; do
    case "$argument" in
      -'?' | --help | --describe-config | -V | --version) return 0 ;;
    esac
  done
  return 1
}

# Everything below is on the way of whoever waits for the database, so no program is started for what bash knows by itself.
make_folders() {
  [ -d "$PGDATA" ] || mkdir -p "$PGDATA"
  chmod 00700 "$PGDATA" || :
  [ -d "$socket_folder" ] || mkdir -p "$socket_folder" || :
  [ -g "$socket_folder" ] && [ -k "$socket_folder" ] || chmod 03775 "$socket_folder" || :
  if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
    mkdir -p "$POSTGRES_INITDB_WALDIR"
    chmod 700 "$POSTGRES_INITDB_WALDIR"
  fi
  [ "$EUID" = 0 ] || return 0
  find "$PGDATA" ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"} \! -user postgres -exec chown postgres '{}' +
  find "$socket_folder" \! -user postgres -exec chown postgres '{}' +
}

check_settings() {
  [ "$POSTGRES_HOST_AUTH_METHOD" = trust ] || [ -n "$POSTGRES_PASSWORD" ] || fail \
    'the database is not initialised and no superuser password is given' \
    'set POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) to a non-empty value,' \
    'or, for a throw-away database that lets everybody in, POSTGRES_HOST_AUTH_METHOD=trust'
  if [ "$POSTGRES_HOST_AUTH_METHOD" = trust ]; then
    echo 'warning: POSTGRES_HOST_AUTH_METHOD=trust lets anyone who reaches the port in, as any user, without a password' >&2
  fi
}

# initdb wants a name for its user: for a bare number, a passwd file made for the occasion has one.
with_user_name() {
  local library
  if getent passwd "$(id -u)" >/dev/null; then
    "$@"
    return
  fi
  for library in /usr/lib/*/libnss_wrapper.so; do
    local folder
    folder=$(mktemp -d)
    printf 'postgres:x:%s:%s:PostgreSQL:%s:/bin/false\n' "$(id -u)" "$(id -g)" "$PGDATA" >"$folder/passwd"
    printf 'postgres:x:%s:\n' "$(id -g)" >"$folder/group"
    LD_PRELOAD=$library NSS_WRAPPER_PASSWD=$folder/passwd NSS_WRAPPER_GROUP=$folder/group "$@"
    rm -rf "$folder"
    return
  done
  "$@"
}

make_cluster() {
  local arguments=()
  # The words of POSTGRES_INITDB_ARGS may be quoted as in a shell.
  eval "arguments=($POSTGRES_INITDB_ARGS)"
  [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || arguments=(--waldir "$POSTGRES_INITDB_WALDIR" "${arguments[@]}")
  with_user_name initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}" "$@"
}

# The arguments are the command of the later server.
allow_network() {
  local method=$POSTGRES_HOST_AUTH_METHOD
  [ -n "$method" ] || method=$(postgres -C password_encryption "${@:2}")
  {
    printf '\n'
    if [ "$method" = trust ]; then
      printf '# "trust" lets everybody in without a password; asked for by POSTGRES_HOST_AUTH_METHOD.\n'
    fi
    printf 'host all all all %s\n' "$method"
  } >>"$PGDATA/pg_hba.conf"
}

# The arguments of the later server without `postgres`, plus: only the local socket, so that nobody connects before all is set up.
start_for_setup() {
  local arguments=("$@" -c 'listen_addresses=' -p "${PGPORT:-5432}")
  NOTIFY_SOCKET='' PGUSER=${PGUSER:-$POSTGRES_USER} pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${arguments[@]}")" -w start
}

stop_after_setup() {
  PGUSER=${PGUSER:-postgres} pg_ctl -D "$PGDATA" -m fast -w stop
}

# sql [ARGUMENT...]: psql as the superuser on the new database, ending at the first error.
sql() {
  PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "$@"
}

make_database() {
  local exists
  exists=$(POSTGRES_DB=postgres sql --tuples-only --no-align -v name="$POSTGRES_DB" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")
  [ -n "$exists" ] || POSTGRES_DB=postgres sql -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
}

run_scripts() {
  local script
  for script in "$scripts"/*; do
    case "$script" in
      *.sh)
        if [ -x "$script" ]; then
          echo "running $script"
          "$script"
        else
          echo "sourcing $script"
          . "$script"
        fi
        ;;
      *.sql) echo "running $script"; sql -f "$script" ;;
      *.sql.gz) echo "running $script"; gunzip -c "$script" | sql ;;
      *.sql.xz) echo "running $script"; xzcat "$script" | sql ;;
      *.sql.zst) echo "running $script"; zstd -dc "$script" | sql ;;
      *) echo "ignoring $script" ;;
    esac
  done
}

initialise() {
  check_settings
  # A folder that cannot be read is found now, not after the cluster stands.
  ls "$scripts/" >/dev/null
  make_cluster
  allow_network "$@"
  # psql and the scripts find the password here, in case initdb was told to ask for it on the local socket.
  export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
  start_for_setup "${@:2}"
  make_database
  run_scripts
  stop_after_setup
  unset PGPASSWORD
  printf '\nThe data directory is initialised; the server starts now.\n\n'
}

main() {
  # Options alone are options of the server.
  if [ "${1:0:1}" = - ]; then
    set -- postgres "$@"
  fi
  if [ "${1:-}" = postgres ] && ! only_asks "$@"; then
    take_settings
    make_folders
    if [ "$EUID" = 0 ]; then
      exec gosu postgres "$0" "$@"
    fi
    if [ -s "$PGDATA/PG_VERSION" ]; then
      printf '\nThe data directory holds a database already: nothing to initialise.\n\n'
    else
      initialise "$@"
    fi
  fi
  exec "$@"
}

main "$@"
