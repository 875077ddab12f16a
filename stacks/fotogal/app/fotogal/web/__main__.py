"""`python -m fotogal.web`: the development server, with stores of its own in ./data, provisioned by itself. Never in production."""

from __future__ import annotations

import os

from fotogal import settings
from fotogal.provision import provision
from fotogal.web.app import create_app


def main() -> None:
    provision(settings.from_environment(os.environ))
    create_app().run(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "5000")), use_reloader=True)


if __name__ == "__main__":
    main()
