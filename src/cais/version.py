"""The version of Cais; `pyproject.toml` reads it from here."""

VERSION = "0.1.0"
