from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from oracle_cloud import TENANCY, Answer, Asked, Cloud, answer, refusal, running

from fotogal.log import oci as oci_log
from fotogal.log.oci import LogSender, NoSuchLog
from fotogal.log.shipping import Line
from fotogal.oracle import UNREACHABLE
from fotogal.settings import LOG
from fotogal.settings import LOG_GROUP as GROUP

LINES = [
    Line('{"message": "açaí"}', datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)),
    Line("{}", datetime(2026, 1, 2, tzinfo=UTC)),
]


class Logging:
    """Oracle's Identity, Logging Management and Logging Ingestion, as far as they are asked. Listings have one item a page."""

    def __init__(self) -> None:
        self.made: dict[str, list[dict[str, object]]] = {"compartments": [], "logGroups": [], "logs": []}

    def respond(self, asked: Asked) -> Answer:
        kind = next(kind for kind in ("actions", "logs", "logGroups", "compartments") if kind in asked.path.split("/"))
        if kind == "actions":
            return Answer()
        if asked.method == "POST":
            made = {"id": f"ocid1.{kind}.{len(self.made[kind])}", "lifecycleState": "ACTIVE", **asked.json}
            self.made[kind].append(made)
            return answer(made) if kind == "compartments" else Answer(202, b"", {"opc-work-request-id": "w"})
        wanted = asked.query.get("name") or asked.query.get("displayName")
        found = [made for made in self.made[kind] if wanted in (made.get("name"), made.get("displayName"))]
        place = int(asked.query.get("page", "0"))
        more = {"opc-next-page": str(place + 1)} if found[place + 1 :] else {}
        return answer(found[place : place + 1], headers=more)


@pytest.fixture
def service() -> Logging:
    return Logging()


@pytest.fixture
def cloud(service: Logging) -> Iterator[Cloud]:
    with running(service.respond) as started:
        yield started


def test_provision_makes_what_is_missing_once(cloud: Cloud, service: Logging) -> None:
    done = [f"created log group {GROUP}", f"created log {LOG}"]
    assert oci_log.provision(cloud.account()) == ["created compartment cmp-fotogal", *done]
    assert oci_log.provision(cloud.account()) == []
    assert service.made["compartments"][0]["compartmentId"] == TENANCY
    assert service.made["logGroups"][0]["compartmentId"] == "ocid1.compartments.0"
    assert service.made["logs"][0] == {
        "id": "ocid1.logs.0",
        "lifecycleState": "ACTIVE",
        "displayName": LOG,
        "logType": "CUSTOM",
        "isEnabled": True,
    }


def test_a_compartment_that_was_deleted_is_made_anew(cloud: Cloud, service: Logging) -> None:
    """Oracle lists it for a long time; it is the first of two, on a page of its own."""
    service.made["compartments"].append({"id": "ocid1.gone", "name": "cmp-fotogal", "lifecycleState": "DELETED"})
    assert oci_log.provision(cloud.account())[0] == "created compartment cmp-fotogal"
    assert oci_log.provision(cloud.account()) == []
    assert service.made["logGroups"][0]["compartmentId"] == "ocid1.compartments.1"


def test_a_batch_is_one_request(cloud: Cloud) -> None:
    oci_log.provision(cloud.account())
    sender = LogSender(cloud.account())
    sender(LINES)
    cloud.requests.clear()
    sender(LINES)
    (asked,) = cloud.requests  # the log is looked for once
    assert (asked.method, asked.path) == ("POST", "/20200831/logs/ocid1.logs.0/actions/push")
    batches = asked.json["logEntryBatches"]
    assert isinstance(batches, list)
    (batch,) = batches
    assert asked.json["specversion"] == "1.0"
    assert [entry["data"] for entry in batch["entries"]] == [line.text for line in LINES]
    assert batch["entries"][0]["time"] == "2026-01-02T03:04:05.678000Z"
    assert len({entry["id"] for entry in batch["entries"]}) == 2
    assert batch["source"]
    assert batch["type"] == "fotogal.application"


def test_what_passes_is_tried_again(cloud: Cloud) -> None:
    oci_log.provision(cloud.account())
    sender = LogSender(cloud.account())
    sender(LINES)
    cloud.requests.clear()
    cloud.failing.append(refusal(500, "InternalServerError"))
    sender(LINES)
    assert len(cloud.requests) == 2


def test_what_does_not_pass_is_raised(cloud: Cloud) -> None:
    oci_log.provision(cloud.account())
    sender = LogSender(cloud.account())
    sender(LINES)
    cloud.failing.extend([refusal(503, "ServiceUnavailable")] * 3)
    with pytest.raises(UNREACHABLE):
        sender(LINES)
    sender(LINES)


def test_a_log_that_is_missing_is_said(cloud: Cloud) -> None:
    with pytest.raises(NoSuchLog, match="fotogal provision"):
        LogSender(cloud.account())(LINES)
