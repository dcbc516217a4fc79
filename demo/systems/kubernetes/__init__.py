"""The production cluster: its API server over HTTP, and the audit logs of its two API servers as files.

- `GET` of events (core/v1 and events.k8s.io/v1; list and watch), pods, roles and bindings, namespaces and /version, at
  `<root>`, with the bearer token `demo-token`.
- `audit.log` is the log of `cp-1`, rotated weekly to `audit-<instant>.log`; `webhook/*.json` are the batches of `cp-2`.
  No request is in both: the cluster's log is their union.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from demo.http import json_response
from demo.systems import Route
from demo.systems.kubernetes import api, audit
from demo.systems.kubernetes.cluster import NAMESPACE, Cluster
from demo.systems.kubernetes.events import EventLog
from demo.systems.kubernetes.requests import requests
from demo.systems.kubernetes.webhook import WebhookFolder
from demo.systems.rotation import RotatingLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from demo.model import Company
    from demo.systems import Request, Response

_SPACE = r"(?:namespaces/(?P<namespace>[^/]+)/)?"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACES = ("deploy", "kube-system", "monitoring", NAMESPACE)


class Kubernetes:
    """One cluster as a `System`."""

    name = "kubernetes"

    def __init__(self, company: Company, directory: Path) -> None:
        cluster = Cluster(company)
        self._api = api.Api(cluster, EventLog(cluster))
        asked = requests(cluster)
        first, second = (audit.log_of(asked, server) for server in audit.SERVERS)
        self._log = RotatingLog(directory / "audit.log", first, audit.render, dated=True)
        self._webhook = WebhookFolder(directory / "webhook", second, audit.record, company.tz)

    def routes(self) -> list[Route]:
        """The API server's paths."""
        handlers: list[tuple[str, Callable[[Request], Response]]] = [
            ("/version/?", lambda _: json_response(api.VERSION)),
            ("/api/v1/namespaces", self._namespaces),
            (f"/api/v1/{_SPACE}events", self._api.events),
            (f"/apis/events.k8s.io/v1/{_SPACE}events", self._api.events),
            (f"/api/v1/{_SPACE}pods", self._api.pods),
            (f"{_RBAC}/{_SPACE}(?P<kind>roles|rolebindings)", self._api.access),
            (f"{_RBAC}/(?P<kind>clusterroles|clusterrolebindings)", self._api.access),
        ]
        return [Route("GET", re.compile(pattern), _guarded(handler)) for pattern, handler in handlers]

    def advance(self, now: datetime) -> None:
        """Write what both API servers logged up to `now`."""
        self._log.advance(now)
        self._webhook.advance(now)

    def _namespaces(self, request: Request) -> Response:
        del request
        items = [{"metadata": {"name": name}, "status": {"phase": "Active"}} for name in NAMESPACES]
        return json_response({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": items})


def _guarded(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    return lambda request: api.refusal(request) or handler(request)


def build(company: Company, directory: Path) -> Kubernetes:
    """The cluster as a system; see `demo.systems`."""
    return Kubernetes(company, directory)
