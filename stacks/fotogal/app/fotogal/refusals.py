"""What FotoGal refuses, in words that a person reads. Classes follow what the person can do about it; the web layer gives each its status.

    Refusal
    ├── Invalid        a field is wrong: say which and why                 422
    ├── Conflict       somebody has it already: choose another             409
    ├── NotFound       there is no such thing                              404
    ├── Forbidden      it is there, but not for this person                403
    ├── BadLogin       name and password do not belong together            401
    ├── TooMany        too many attempts: wait                             429
    └── BadImage       the file cannot become a photo                      422
        ├── NotAnImage     it is none of the three types                   415
        └── TooLarge       it has too many bytes                           413

A store that does not answer is no refusal: see `catalogue.interface.Unavailable` and `objects.interface.StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """`str()` of it is a sentence in Portuguese, made to be shown."""


class Invalid(Refusal):
    """`fields` maps the name of each wrong field to what is wrong with it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


class Conflict(Refusal):
    """`field` is what somebody else has already."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.fields = {field: message}


class NotFound(Refusal):
    pass


class Forbidden(Refusal):
    pass


class BadLogin(Refusal):
    pass


class TooMany(Refusal):
    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BadImage(Refusal):
    pass


class NotAnImage(BadImage):
    pass


class TooLarge(BadImage):
    pass
