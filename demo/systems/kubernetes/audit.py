"""The audit log of the two API servers, each of which logs the requests that it served.

- One request has one `auditID` and one line a stage. The policy logs writes from RequestReceived on, reads when they
  are complete, and sessions in pods at the stages that the timeline says.
- `cp-1` writes a log file, `cp-2` sends batches to a webhook: only both together are the cluster's log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from demo.systems.stable import micros, nanos, number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SERVERS = ("cp-1", "cp-2")
_CORE = ("", "v1")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about; `group` and `version` of its API."""

    resource: str
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    api: tuple[str, str] = _CORE
    query: str = ""

    @property
    def uri(self) -> str:
        """The request URI."""
        group, version = self.api
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        space = f"/namespaces/{self.namespace}" if self.namespace else ""
        rest = "".join(f"/{quote(part)}" for part in (self.name, self.subresource) if part)
        return f"{root}{space}/{self.resource}{rest}{self.query}"

    def reference(self) -> dict[str, str]:
        """The `objectRef`."""
        group, version = self.api
        parts = {
            "resource": self.resource, "namespace": self.namespace, "name": self.name, "apiGroup": group,
            "apiVersion": version, "subresource": self.subresource,
        }  # fmt: skip
        return {k: v for k, v in parts.items() if v}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to an API server. `target` is a path where it is about no resource; `body` what was sent."""

    audit_id: str
    at: datetime
    verb: str
    user: str
    target: Target | str
    stages: tuple[tuple[str, datetime], ...]
    reason: str
    agent: str
    source: str
    code: int = 200
    groups: tuple[str, ...] = ()
    extra: Mapping[str, list[str]] | None = None
    body: Mapping[str, object] | None = None
    server: str = ""

    def served_by(self) -> str:
        """The API server that answered."""
        return self.server or SERVERS[number(0, len(SERVERS), "server", self.audit_id)]


Line = tuple[Asked, str, "datetime"]


def write_stages(at: datetime, audit_id: str) -> tuple[tuple[str, datetime], ...]:
    """RequestReceived and, some milliseconds later, ResponseComplete."""
    took = timedelta(microseconds=number(2_000, 40_000, "took", audit_id))
    return ("RequestReceived", at), ("ResponseComplete", at + took)


def read_stages(at: datetime, audit_id: str) -> tuple[tuple[str, datetime], ...]:
    """ResponseComplete alone."""
    return (write_stages(at, audit_id)[1],)


def log_of(asked: list[Asked], server: str) -> list[tuple[int, Line]]:
    """The lines of one API server in the order in which it writes them."""
    lines = [(nanos(at), (a, stage, at)) for a in asked if a.served_by() == server for stage, at in a.stages]
    return sorted(lines, key=lambda pair: (pair[0], pair[1][0].audit_id))


def render(line: Line) -> bytes:
    """One JSON line without its end."""
    return json.dumps(
        {"kind": "Event", "apiVersion": "audit.k8s.io/v1", **record(line)}, separators=(",", ":")
    ).encode()


def record(line: Line) -> dict[str, object]:
    """The Event of one stage, without kind and apiVersion, as the items of an EventList are."""
    asked, stage, at = line
    target = asked.target
    told: dict[str, object] = {
        "level": "Request" if asked.body else "Metadata",
        "auditID": asked.audit_id,
        "stage": stage,
        "requestURI": target if isinstance(target, str) else target.uri,
        "verb": asked.verb,
        "user": _user(asked),
        "sourceIPs": [asked.source],
        "userAgent": asked.agent,
    }
    if isinstance(target, Target):
        told["objectRef"] = target.reference()
    if stage != "RequestReceived":
        told["responseStatus"] = {"metadata": {}, "code": asked.code}
        if asked.body:
            told["requestObject"] = asked.body
    told |= {"requestReceivedTimestamp": micros(asked.at), "stageTimestamp": micros(at)}
    if stage != "RequestReceived":
        told["annotations"] = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": asked.reason}
    return told


def _user(asked: Asked) -> dict[str, object]:
    groups = list(asked.groups)
    if asked.user.startswith("system:serviceaccount:"):
        space = asked.user.split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{space}", "system:authenticated"]
    told: dict[str, object] = {"username": asked.user, "groups": groups or ["system:authenticated"]}
    return told | ({"extra": dict(asked.extra)} if asked.extra else {})
