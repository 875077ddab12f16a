#!/usr/bin/env bash
# FotoGal without any server: SQLite and a folder, in ./data, with Flask's development server. http://127.0.0.1:5000 (PORT=... for another)
# The first time it makes a virtual environment and installs what the application needs, from requirements.txt with its hashes.
set -euo pipefail
cd "$(dirname "$0")"
stamp=.venv/requirements.sha256
if ! sha256sum --check --status "$stamp" 2>/dev/null; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r app/requirements.txt
  sha256sum app/requirements.txt >"$stamp"
fi
export FOTOGAL_DATA="${FOTOGAL_DATA:-$PWD/data}"
cd app
exec ../.venv/bin/python -m fotogal.web
