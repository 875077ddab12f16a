"""Lets the tests import the application as gunicorn does: from src."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
