from __future__ import annotations

import io
import json
import logging
import os
import threading
from collections.abc import Sequence

import pytest

from fotogal.log import shipping
from fotogal.log.lines import JsonFormatter
from fotogal.log.shipping import Line, ShippingHandler


class Refused(Exception):
    pass


class Service:
    """Takes batches; `open` holds them up, `broken` refuses them."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Event()
        self.broken = False

    def __call__(self, lines: Sequence[Line]) -> None:
        self.begun.set()
        assert self.open.wait(30)
        if self.broken:
            raise Refused("no")
        self.batches.append([json.loads(line.text)["message"] for line in lines])

    @property
    def messages(self) -> list[str]:
        return [message for batch in self.batches for message in batch]


@pytest.fixture
def service() -> Service:
    return Service()


def handler(service: Service) -> tuple[ShippingHandler, io.StringIO]:
    stderr = io.StringIO()
    made = ShippingHandler(service, (Refused,), stderr)
    made.setFormatter(JsonFormatter())
    return made, stderr


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("fotogal", logging.INFO, __file__, 1, message, None, None)


def test_lines_come_in_order_and_in_batches(service: Service) -> None:
    shipper, stderr = handler(service)
    service.open.clear()
    shipper.handle(record("0"))
    for number in range(1, 500):
        shipper.handle(record(str(number)))
    service.open.set()
    shipper.close()
    assert service.messages == [str(number) for number in range(500)]
    assert max(map(len, service.batches)) <= shipping.LARGEST_BATCH
    assert len(service.batches) < 10
    assert stderr.getvalue() == ""


def test_a_service_that_is_slow_holds_nobody_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "LONGEST_QUEUE", 10)
    monkeypatch.setattr(shipping, "LARGEST_BATCH", 1)
    shipper, stderr = handler(service)
    service.open.clear()
    shipper.handle(record("first"))
    assert service.begun.wait(30)
    for number in range(25):  # comes to its end although nothing is taken
        shipper.handle(record(str(number)))
    service.open.set()
    shipper.close()
    assert service.messages == ["first", *(str(number) for number in range(10))]
    assert "15 lines of the log were dropped" in stderr.getvalue()


def test_what_was_refused_is_said_and_what_comes_later_is_sent(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "LARGEST_BATCH", 1)
    shipper, stderr = handler(service)
    service.broken = True
    service.open.clear()
    shipper.handle(record("lost"))
    assert service.begun.wait(30)
    shipper.handle(record("lost too"))
    service.open.set()
    shipper.close()
    assert "does not answer: no" in stderr.getvalue()
    assert stderr.getvalue().count("1 lines of the log were dropped") == 2
    service.broken = False
    again, _ = handler(service)
    again.handle(record("kept"))
    again.close()
    assert service.messages == ["kept"]


def test_a_service_that_is_away_does_not_hold_up_the_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "GOODBYE_S", 0.05)
    monkeypatch.setattr(shipping, "LONGEST_QUEUE", 3)
    monkeypatch.setattr(shipping, "LARGEST_BATCH", 1)
    shipper, stderr = handler(service)
    service.open.clear()
    shipper.handle(record("held"))
    assert service.begun.wait(30)
    for number in range(3):
        shipper.handle(record(str(number)))
    shipper.close()  # comes back although the service never answers
    assert "3 lines of the log were dropped" in stderr.getvalue()
    service.open.set()


def test_each_process_sends_its_own(service: Service) -> None:
    shipper, _ = handler(service)
    shipper.handle(record("parent"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        service.batches.clear()
        shipper.handle(record("child"))
        shipper.close()
        os.write(writer, json.dumps(service.messages).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as answer:
        assert json.loads(answer.read()) == ["child"]
    shipper.close()
    assert service.messages == ["parent"]
