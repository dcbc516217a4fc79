"""Kubernetes: Event objects, the API server's audit log, and snapshots of access rules and pods.

- Objects are asked through the official client, which authenticates and connects; bodies are kept unread (`client`).
- Events live one hour: what passed between two collections and is older than that is a gap. Events are signals, never
  sole evidence.
- The audit log is a file that is read on through rotation (`logs`), or a folder into which a webhook puts batches
  (`batches`). Each API server has a log of its own: name them all.

Example::

    kubernetes:
      url: https://k8s.example:6443           # or kubeconfig: /etc/evidence/kubeconfig, context: prod
      token_from: KUBERNETES_TOKEN
      ca_file: /etc/evidence/k8s-ca.pem
      namespaces: [production]                # all, if not set
      event_ttl_hours: 1                      # the API server's --event-ttl
      watch_seconds: 0                        # how long to watch for further Events after listing them
      audit: {logs: [/var/log/kubernetes/audit.log], batches: /srv/evidence/k8s-batches}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, Outcome, instant
from evidence.errors import ConfigError
from evidence.sources._drops import files, take_new
from evidence.sources._patience import Patience
from evidence.sources._settings import check_names, text, texts
from evidence.sources._tail import tail
from evidence.sources.base import Stream
from evidence.sources.kubernetes import objects
from evidence.sources.kubernetes.client import Cluster, open_cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidence.capture import Window
    from evidence.sources.base import Keep, Source

NAME = "kubernetes"
PATHS = ("kubeconfig", "ca_file", "audit.logs.*", "audit.batches")
STREAMS: tuple[Stream, ...] = (
    Stream("kubernetes.events", "events", retention=timedelta(hours=1), second_source="kubernetes.audit"),
    Stream("kubernetes.audit", "file", second_source="elasticsearch.kubernetes_audit"),
    Stream("kubernetes.rbac", "snapshot", second_source="kubernetes.audit"),
    Stream("kubernetes.pods", "snapshot", second_source="kubernetes.audit"),
)
_NAMES = (
    "url", "token_from", "ca_file", "kubeconfig", "context", "namespaces", "event_ttl_hours", "watch_seconds", "audit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is collected.

    Attributes:
        namespaces: those asked, () = all.
        ttl: how long the API server keeps Events.
        watch_seconds: how long to watch after a listing.
        logs, batches: where the audit log lies.
    """

    namespaces: tuple[str, ...] = ()
    ttl: timedelta = timedelta(hours=1)
    watch_seconds: int = 0
    logs: tuple[Path, ...] = ()
    batches: Path | None = None
    streams: tuple[Stream, ...] = field(default=STREAMS)


class Kubernetes:
    """One cluster as a `Source`; `cluster` is None where only the audit log is collected."""

    def __init__(self, cluster: Cluster | None, plan: Plan) -> None:
        self._cluster, self._plan = cluster, plan
        self.streams: tuple[Stream, ...] = plan.streams

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """See `evidence.sources.base.Source.collect`."""
        if stream not in {known.name for known in self.streams}:
            raise ConfigError(
                f"kubernetes is not set up for {stream!r}; it is for {', '.join(known.name for known in self.streams)}",
                next_step="Set `url` or `kubeconfig` for objects, `audit` for the audit log.",
            )
        if stream == "kubernetes.audit":
            return self._audit(window, cursor, keep)
        assert self._cluster is not None, "streams of objects exist only with a cluster"
        if stream == "kubernetes.events":
            return self._events(self._cluster, window, cursor, now, keep)
        paths = objects.RBAC if stream == "kubernetes.rbac" else objects.PODS
        for path in objects.paths(paths, self._plan.namespaces):
            objects.listed(self._cluster, path, keep, {"_as_of": instant(now)})
        return Outcome()

    def close(self) -> None:
        """Close the connection."""
        if self._cluster is not None:
            self._cluster.close()

    def _audit(self, window: Window, cursor: Mapping[str, Any], keep: Keep) -> Outcome:
        def take(body: bytes, name: str, offset: int = 0) -> None:
            keep(body, request=f"FILE {name}", response={"offset": offset})

        after: dict[str, Any] = {}
        losses: list[str] = []
        totals: dict[str, int] = {}
        for path in self._plan.logs:
            read = tail(path, cursor.get(str(path), {}), take)
            after[str(path)], totals[f"{path.name} lines"] = read.state, read.lines
            losses += read.losses
        folder = self._plan.batches
        if folder is not None:
            after["batches"] = take_new(folder, files(folder), cursor.get("batches", {}), take)
        gaps = tuple(Gap(window.start, window.end, loss, "elasticsearch.kubernetes_audit") for loss in losses)
        return Outcome(after, totals, gaps, complete=not gaps)

    def _events(
        self, cluster: Cluster, window: Window, cursor: Mapping[str, Any], now: datetime, keep: Keep
    ) -> Outcome:
        after: dict[str, Any] = {"asked_at": instant(now)}
        for path in objects.paths(objects.EVENTS, self._plan.namespaces):
            version = objects.listed(cluster, path, keep, {})
            if self._plan.watch_seconds:
                objects.watched(cluster, path, version, keep, seconds=self._plan.watch_seconds)
        asked = cursor.get("asked_at")
        start = max(window.start, datetime.fromisoformat(asked)) if asked else window.start
        end = min(window.end, now - self._plan.ttl)
        if start >= end:
            return Outcome(after)
        cause = f"Kubernetes keeps Events {self._plan.ttl}; they were not collected in time"
        return Outcome(after, {}, (Gap(start, end, cause, "kubernetes.audit"),), complete=False)


def connect(settings: Mapping[str, Any], environ: Mapping[str, str], *, patience: Patience | None = None) -> Source:
    """A source for these settings; nothing is asked yet."""
    check_names(NAME, settings, _NAMES)
    audit = settings.get("audit", {})
    if not isinstance(audit, dict):
        raise ConfigError(f"source kubernetes: audit must have logs and/or batches, found {audit!r}")
    check_names("kubernetes.audit", audit, ("logs", "batches"))
    hours, seconds = settings.get("event_ttl_hours", 1), settings.get("watch_seconds", 0)
    if not isinstance(hours, int | float) or not isinstance(seconds, int) or hours <= 0 or seconds < 0:
        raise ConfigError(
            "source kubernetes: event_ttl_hours must be above 0 and watch_seconds 0 or more,"
            f" found {hours!r} and {seconds!r}"
        )
    asked = any(name in settings for name in ("url", "kubeconfig"))
    if not asked and not audit:
        raise ConfigError("source kubernetes: set `url` or `kubeconfig` for objects, `audit` for the audit log")
    have = [s for s in STREAMS if (audit if s.name == "kubernetes.audit" else asked)]
    plan = Plan(
        namespaces=texts(NAME, settings, "namespaces"),
        ttl=timedelta(hours=hours),
        watch_seconds=seconds,
        logs=tuple(Path(path) for path in texts("kubernetes.audit", audit, "logs")),
        batches=Path(text("kubernetes.audit", audit, "batches")) if "batches" in audit else None,
        streams=tuple(have),
    )
    return Kubernetes(open_cluster(settings, environ, patience or Patience()) if asked else None, plan)
