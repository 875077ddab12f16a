"""A storm on the users' API: many clients at once, each with a model of what must be there."""

import json
import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from typing import Any

CONTESTED = 500
"""Ids 1 to this are what every client is after; above, each client has its own."""


class Client(threading.Thread):
    """Creates, reads, updates and deletes until `deadline`. An answer that is not what the model says is a failure."""

    def __init__(self, number: int, host: str, port: int) -> None:
        super().__init__()
        self.number = number
        self.users: dict[int, str] = {}
        self.won: dict[int, str] = {}
        self.tried: set[int] = set()
        self.failures: list[str] = []
        self.requests = 0
        self.deadline = 0.0
        self._chance = random.Random(number)
        self._connection = HTTPConnection(host, port, timeout=15)

    def run(self) -> None:
        steps = (self._create, self._create, self._create_again, self._read, self._update, self._remove, self._contest)
        try:
            while time.monotonic() < self.deadline:
                self._chance.choice(steps)()
        except OSError as error:
            self.failures.append(f"client {self.number}: {error!r}")
        finally:
            self._connection.close()

    def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = self._connection.getresponse()
        content = answer.read()
        self.requests += 1
        return answer.status, json.loads(content) if content else None

    def _expect(self, what: str, actual: object, expected: object) -> None:
        if actual != expected:
            self.failures.append(f"client {self.number}: {what} gave {actual}, not {expected}")

    def _new_id(self) -> int:
        return self.number * 10_000_000 + CONTESTED + 1 + self._chance.randrange(1_000_000)

    def _create(self) -> None:
        key, name = self._new_id(), f"client {self.number} {self._chance.random()}"
        if key not in self.users:
            user = {"id": key, "name": name}
            self._expect(f"creating {user}", self._call("POST", "/users", user), (201, user))
            self.users[key] = name

    def _create_again(self) -> None:
        if self.users:
            user = {"id": self._one(), "name": "again"}
            self._expect(f"creating {user} again", self._call("POST", "/users", user)[0], 409)

    def _read(self) -> None:
        key = self._one() if self.users and self._chance.random() < 0.8 else self._new_id()
        expected = (
            (200, {"id": key, "name": self.users[key]}) if key in self.users else (404, {"error": "no such user"})
        )
        self._expect(f"reading {key}", self._call("GET", f"/users/{key}"), expected)

    def _update(self) -> None:
        if self.users:
            key, name = self._one(), f"changed {self._chance.random()}"
            answer = self._call("PUT", f"/users/{key}", {"name": name})
            self._expect(f"changing {key}", answer, (200, {"id": key, "name": name}))
            self.users[key] = name

    def _remove(self) -> None:
        if self.users:
            key = self._one()
            self._expect(f"removing {key}", self._call("DELETE", f"/users/{key}"), (204, None))
            del self.users[key]

    def _contest(self) -> None:
        key, name = len(self.tried) + 1, f"won by {self.number}"
        if key > CONTESTED:
            return
        self.tried.add(key)
        status, _ = self._call("POST", "/users", {"id": key, "name": name})
        if status == 201:
            self.won[key] = name
        else:
            self._expect(f"contesting {key}", status, 409)

    def _one(self) -> int:
        return self._chance.choice(tuple(self.users))


class Load:
    """`clients` of them at once."""

    def __init__(self, host: str, port: int, clients: int) -> None:
        self._clients = [Client(number, host, port) for number in range(1, clients + 1)]

    def run(self, seconds: float) -> None:
        for client in self._clients:
            client.deadline = time.monotonic() + seconds
            client.start()
        for client in self._clients:
            client.join()

    @property
    def requests(self) -> int:
        return sum(client.requests for client in self._clients)

    @property
    def failures(self) -> list[str]:
        return [failure for client in self._clients for failure in client.failures]

    def expected(self) -> dict[int, str]:
        """What must be in the database."""
        return {key: name for client in self._clients for key, name in (*client.users.items(), *client.won.items())}

    def contested_wins(self) -> dict[int, int]:
        """How many clients were told that they had created each id that all were after."""
        return dict(Counter(key for client in self._clients for key in client.won))

    def contested_ids(self) -> dict[int, int]:
        """What that has to be: one for each id that was tried."""
        return dict.fromkeys(set().union(*(client.tried for client in self._clients)), 1)
