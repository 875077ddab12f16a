"""FotoGal on the web: pages for people, JSON for programs. Decides nothing about photos or accounts: `gallery` and `accounts` do.

app        the factory: builds the stores and the use cases, and connects what is below
services   what a request finds: the use cases and the settings
visitor    who makes the request; the session's cookie
guard      before every request: logged in where needed, made by a page of ours where it changes something
errors     refusals and failures -> readable pages, or JSON
headers    what every answer says to the browser
requestlog one line a request
pages/     HTML, in Portuguese, working without JavaScript
api/       the same actions in JSON
images     the bytes of the photos, after asking who wants them
health     alive, ready
"""

from fotogal.web.app import create_app

__all__ = ["create_app"]
