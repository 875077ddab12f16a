"""Pages for people. Each works without JavaScript; the scripts make them quicker and smoother."""

from flask import Flask

from fotogal.web.pages import account, home, people, photos, profile, view

BLUEPRINTS = (home.blueprint, account.blueprint, photos.blueprint, people.blueprint, profile.blueprint)


def install(app: Flask) -> None:
    """What the templates need of us."""
    view.install(app)
