"""Event objects: what the components said, updated in place while it recurs, gone an hour after the last time.

- Every change of an Event has a resource version of its own, in order of time over the whole cluster.
- The scheduler writes `eventTime` with microseconds and leaves the other times null; all others do the reverse.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from demo.systems.known import probes
from demo.systems.kubernetes.cluster import NAMESPACE, REPLICAS, node_of
from demo.systems.stable import digest, guid, iso, micros, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from demo.model import Rollout
    from demo.systems.kubernetes.cluster import Cluster, Scaling

TTL = timedelta(hours=36)  # the cluster runs with --event-ttl=36h, so that a daily collection misses none
_FIRST_VERSION = 1_000_000
_SECOND = timedelta(seconds=1)
_VERSIONS = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Pod": "v1",
    "CronJob": "batch/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One Event object over its life: every time that it was seen. `host` is the node of a kubelet's."""

    namespace: str
    kind: str
    name: str
    reason: str
    message: str
    component: str
    times: tuple[datetime, ...]
    warning: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """ADDED, MODIFIED or DELETED of an Event at an instant; `count` is how often it had been seen."""

    at: datetime
    what: str
    happening: Happening
    count: int


class EventLog:
    """All changes of all Events of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.changes = sorted(
            (c for h in _happenings(cluster) for c in _changes(h)), key=lambda c: (c.at, c.happening.name, c.count)
        )
        self._times = [c.at for c in self.changes]

    def position(self, at: datetime) -> int:
        """How many changes there were up to an instant."""
        return bisect_right(self._times, at)

    def version_at(self, at: datetime) -> str:
        """The cluster's resource version at an instant."""
        return str(_FIRST_VERSION + self.position(at))

    def position_of(self, version: str) -> int | None:
        """The position that a resource version means; None if it is none of ours."""
        found = int(version) - _FIRST_VERSION if version.isdigit() else -1
        return found if 0 <= found <= len(self.changes) else None

    def alive(self, position: int, at: datetime) -> list[tuple[int, Change]]:
        """(position, change) of the Events that exist after so many changes, by namespace and name."""
        latest: dict[int, tuple[int, Change]] = {}
        first = bisect_right(self._times, at - TTL - _SECOND)
        for n in range(first, position):
            change = self.changes[n]
            latest[id(change.happening)] = (n + 1, change)
        alive = [pair for pair in latest.values() if pair[1].what != "DELETED"]
        return sorted(alive, key=lambda pair: (pair[1].happening.namespace, self.name(pair[1].happening)))

    def name(self, happening: Happening) -> str:
        """The Event's name: that of its object and the instant in hexadecimal."""
        about = (happening.kind, happening.name, happening.reason, happening.message, happening.times[0])
        return f"{happening.name}.{digest(*about).hex()[:16]}"

    def body(self, position: int, change: Change) -> dict[str, object]:
        """The Event as core/v1 shows it, without kind and apiVersion, as the items of a list are."""
        h = change.happening
        name, first, last = self.name(h), h.times[0], h.times[change.count - 1]
        scheduler = h.component == "default-scheduler"
        return {
            "metadata": {
                "name": name, "namespace": h.namespace,
                "uid": guid(self._cluster.company.seed, "event", h.namespace, name),
                "resourceVersion": str(_FIRST_VERSION + position), "creationTimestamp": iso(first),
            },
            "involvedObject": {
                "kind": h.kind, "namespace": h.namespace, "name": h.name, "uid": self._cluster.uid(h.kind, h.name),
                "apiVersion": _VERSIONS[h.kind],
            },
            "reason": h.reason,
            "message": h.message,
            "source": {} if scheduler else {"component": h.component} | ({"host": h.host} if h.host else {}),
            "firstTimestamp": None if scheduler else iso(first),
            "lastTimestamp": None if scheduler else iso(last),
            **({} if scheduler else {"count": change.count}),
            "type": "Warning" if h.warning else "Normal",
            "eventTime": micros(first) if scheduler else None,
            **({"action": "Binding"} if scheduler else {}),
            "reportingComponent": h.component,
            "reportingInstance": f"{h.component}-cp-1" if scheduler else h.host,
        }  # fmt: skip


def newer_form(body: dict[str, object]) -> dict[str, object]:
    """A core/v1 Event as events.k8s.io/v1 shows it."""
    renamed = {
        "involvedObject": "regarding", "message": "note", "source": "deprecatedSource", "count": "deprecatedCount",
        "firstTimestamp": "deprecatedFirstTimestamp", "lastTimestamp": "deprecatedLastTimestamp",
        "reportingComponent": "reportingController",
    }  # fmt: skip
    return {renamed.get(k, k): v for k, v in body.items()}


def _changes(happening: Happening) -> Iterator[Change]:
    for n, at in enumerate(happening.times, 1):
        yield Change(at, "ADDED" if n == 1 else "MODIFIED", happening, n)
    yield Change(happening.times[-1] + TTL, "DELETED", happening, len(happening.times))


def _happenings(cluster: Cluster) -> Iterator[Happening]:
    for rollout in cluster.rollouts:
        yield from _rollout(cluster, rollout)
    for scaling in cluster.scalings:
        yield from _scaling(cluster, scaling)
    seed = cluster.company.seed
    for n, at in enumerate(probes(cluster.company, "kubernetes cronjob")):
        job = f"synthetic-check-{29_000_000 + n}"
        times = (at,)
        yield Happening(
            "monitoring", "CronJob", "synthetic-check", "SuccessfulCreate", f"Created job {job}",
            "cronjob-controller", times,
        )  # fmt: skip
        if number(0, 40, seed, "unhealthy", at) == 0:
            yield from _unhealthy(cluster, at)


def _scaling(cluster: Cluster, scaling: Scaling) -> Iterator[Happening]:
    rollout = cluster.in_force(scaling.service, scaling.up)
    if rollout:
        for at, size, why in (
            (scaling.up, REPLICAS + 1, "cpu resource utilization (percentage of request) above target"),
            (scaling.down, REPLICAS, "All metrics below target"),
        ):
            message = f"New size: {size}; reason: {why}"
            component = "horizontal-pod-autoscaler"
            yield _said("HorizontalPodAutoscaler", scaling.service, "SuccessfulRescale", message, component, at)
        yield from _pod(cluster.extra_pod(scaling, rollout), rollout, scaling.up + _SECOND)


def _unhealthy(cluster: Cluster, at: datetime) -> Iterator[Happening]:
    """A slow answer of a serving pod, seen a few times within a minute."""
    rollout = cluster.in_force("settlement-api", at)
    if rollout:
        times = tuple(at + n * timedelta(seconds=10) for n in range(number(2, 6, "seen", at)))
        pod = rollout.pods[0]
        yield Happening(
            NAMESPACE, "Pod", pod, "Unhealthy", "Readiness probe failed: context deadline exceeded", "kubelet", times,
            warning=True, host=node_of(pod),
        )  # fmt: skip


def _said(kind: str, name: str, reason: str, message: str, component: str, at: datetime) -> Happening:
    return Happening(NAMESPACE, kind, name, reason, message, component, (at,))


def _rollout(cluster: Cluster, rollout: Rollout) -> Iterator[Happening]:
    start, end, new = rollout.started_at, rollout.completed_at, rollout.replica_set
    scaled = "Scaled {} replica set {} from {} to {}"
    yield _said("Deployment", rollout.service, "ScalingReplicaSet", scaled.format("up", new, 0, REPLICAS),
                "deployment-controller", start)  # fmt: skip
    for pod in rollout.pods:
        yield from _pod(pod, rollout, start + _SECOND)
    old = cluster.in_force(rollout.service, start)
    gone = old if rollout.succeeded else rollout
    if not rollout.succeeded:
        count = max(2, int((end - start).total_seconds()) // 12)
        times = tuple(start + timedelta(seconds=9 + 10 * n) for n in range(count))
        yield Happening(
            NAMESPACE, "Pod", rollout.pods[0], "Unhealthy", "Readiness probe failed: HTTP probe failed: 503", "kubelet",
            times, warning=True, host=node_of(rollout.pods[0]),
        )  # fmt: skip
    if gone:
        yield _said("Deployment", rollout.service, "ScalingReplicaSet",
                    scaled.format("down", gone.replica_set, REPLICAS, 0), "deployment-controller", end)  # fmt: skip
        for pod in gone.pods:
            yield Happening(
                NAMESPACE, "Pod", pod, "Killing", "Stopping container app", "kubelet", (end + _SECOND,),
                host=node_of(pod),
            )  # fmt: skip


def _pod(pod: str, rollout: Rollout, at: datetime) -> Iterator[Happening]:
    node = node_of(pod)
    made = f"Created pod: {pod}"
    yield _said("ReplicaSet", rollout.replica_set, "SuccessfulCreate", made, "replicaset-controller", at)
    assigned = f"Successfully assigned {NAMESPACE}/{pod} to {node}"
    bound = at + timedelta(microseconds=number(20_000, 90_000, pod))
    yield _said("Pod", pod, "Scheduled", assigned, "default-scheduler", bound)
    pulled = f'Successfully pulled image "{rollout.reference}" in 1.482s (1.482s including waiting)'
    for n, (reason, message) in enumerate(
        (("Pulled", pulled), ("Created", "Created container: app"), ("Started", "Started container app")), 2
    ):
        yield Happening(NAMESPACE, "Pod", pod, reason, message, "kubelet", (at + n * _SECOND,), host=node)
