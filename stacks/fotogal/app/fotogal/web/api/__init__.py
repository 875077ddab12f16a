"""The same actions in JSON, for programs and for the pages' own scripts.

Identities are texts: they have 63 bits, and a number in JavaScript has 53. Times are ISO 8601 in UTC.
What changes something carries the header `X-CSRF-Token`, which logging in answers with.
"""

from fotogal.web.api import accounts, images, people

BLUEPRINTS = (accounts.blueprint, images.blueprint, people.blueprint)
