"""The users' API as the page sees it: what can go wrong with it are two exceptions."""

from __future__ import annotations

from typing import Any

import requests

FIELDS = ("id", "name")


class BackendDown(Exception):
    """The backend did not answer in time, or failed."""


class Refused(Exception):
    """The backend does not want what it was given. `field` is the one it belongs to, "" for none."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        # The API begins an error that belongs to a field with the field's name.
        field, colon, rest = error.partition(": ")
        self.field, self.text = (field, rest) if colon and field in FIELDS else ("", error)
        self.status = status


class Backend:
    """The API at `url`. A connection a request: a backend that was restarted is found at once."""

    def __init__(self, url: str, *, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = (connect_timeout_s, read_timeout_s)

    def users(self, *, after: int = 0, limit: int = 50) -> list[dict[str, Any]]:
        """Users by id. Raises BackendDown."""
        query = {"limit": limit, "after": after} if after else {"limit": limit}
        return self._call("GET", "/users", params=query)

    def create(self, user_id: int | str, name: str) -> dict[str, Any]:
        """The user, created. Raises Refused and BackendDown."""
        return self._call("POST", "/users", json={"id": user_id, "name": name})

    def _call(self, method: str, path: str, **request: Any) -> Any:
        try:
            with requests.Session() as session:
                session.trust_env = False  # straight to the backend, whatever HTTP_PROXY says
                answer = session.request(method, self._url + path, timeout=self._timeout, **request)
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise BackendDown(str(error)) from error
        if answer.status_code >= 500:
            raise BackendDown(f"{answer.status_code} {body}")
        if answer.status_code >= 400:
            raise Refused(answer.status_code, str(body.get("error", "")))
        return body
