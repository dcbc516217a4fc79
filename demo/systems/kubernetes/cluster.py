"""What stands in the production cluster at an instant: pods, their owners, and who may do what.

- A rollout's new pods appear when it starts and serve when it is completed; the old ones go then. Those of a failed
  rollout go instead, and what ran before stays.
- One service is scaled out by its autoscaler over midday on some weekdays.
- Access is by standing roles, and by a binding of a few hours for whoever was granted an access ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from demo import roster, worktime
from demo.systems.stable import digest, guid, iso, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from demo.model import Company, Rollout, Ticket

NAMESPACE = "production"
NODES = ("worker-1", "worker-2", "worker-3")
DEPLOYED_SHA = f"{roster.DOMAIN}/deployed-sha"
RUN = f"{roster.DOMAIN}/run"
SCALED = "customer-portal"
REPLICAS = 2
_WEEKDAYS_SCALED = 0.4
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Scaling:
    """One more pod of a service from `up` until `down`."""

    service: str
    up: datetime
    down: datetime


class Cluster:
    """The production cluster of a company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.name = company.clusters[NAMESPACE]
        self.rollouts = sorted(
            (r for r in company.rollouts if r.namespace == NAMESPACE), key=lambda r: (r.started_at, r.deployment_id)
        )
        self.scalings = list(_scalings(company))

    def uid(self, kind: str, name: str) -> str:
        """The uid of an object."""
        return guid(self.company.seed, "uid", kind, name)

    def in_force(self, service: str, at: datetime) -> Rollout | None:
        """The rollout whose pods serve at an instant."""
        done = [r for r in self.rollouts if r.service == service and r.succeeded and r.completed_at <= at]
        return max(done, key=lambda r: r.completed_at, default=None)

    def extra_pod(self, scaling: Scaling, rollout: Rollout) -> str:
        """The name of the pod that a scaling adds to a rollout."""
        return f"{rollout.replica_set}-{digest('scaled', scaling.up).hex()[:5]}"

    # -- pods ------------------------------------------------------------------------------------------------------

    def pods(self, at: datetime, version: Callable[[datetime], str]) -> list[dict[str, object]]:
        """The pods at an instant; `version` gives the resource version of one."""
        found = []
        for service in sorted({r.service for r in self.rollouts}):
            serving = self.in_force(service, at)
            for rollout in self.rollouts:
                starting = rollout.service == service and rollout.started_at <= at < rollout.completed_at
                if rollout is serving or starting:
                    made = rollout.started_at
                    found += [self._pod(rollout, name, made, version, ready=not starting) for name in rollout.pods]
            for scaling in self.scalings:
                if serving and scaling.service == service and scaling.up <= at < scaling.down:
                    made = max(scaling.up, serving.completed_at)
                    found.append(self._pod(serving, self.extra_pod(scaling, serving), made, version, ready=True))
        return found

    def _pod(
        self, rollout: Rollout, name: str, made: datetime, version: Callable[[datetime], str], *, ready: bool
    ) -> dict[str, object]:
        changed = max(made, rollout.completed_at) if ready else made
        return {
            "metadata": {
                "name": name,
                "generateName": f"{rollout.replica_set}-",
                "namespace": NAMESPACE,
                "uid": self.uid("Pod", name),
                "resourceVersion": version(changed),
                "creationTimestamp": iso(made),
                "labels": {"app": rollout.service, "pod-template-hash": rollout.replica_set.rpartition("-")[2]},
                "annotations": {DEPLOYED_SHA: rollout.sha, RUN: f"{rollout.run_id}/{rollout.run_attempt}"},
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": rollout.replica_set,
                        "uid": self.uid("ReplicaSet", rollout.replica_set), "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": {
                "containers": [
                    {"name": "app", "image": rollout.reference, "imagePullPolicy": "IfNotPresent",
                     "ports": [{"containerPort": 8080, "protocol": "TCP"}]}
                ],
                "nodeName": node_of(name),
                "serviceAccountName": rollout.service,
                "restartPolicy": "Always",
            },
            "status": {
                "phase": "Running",
                "startTime": iso(made),
                "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": iso(changed)}],
                "containerStatuses": [_container(rollout, name, made, ready=ready)],
            },
        }  # fmt: skip

    # -- access ----------------------------------------------------------------------------------------------------

    def access(self, kind: str, at: datetime, version: Callable[[datetime], str]) -> list[dict[str, object]]:
        """The objects of a kind (roles, rolebindings, clusterroles, clusterrolebindings) at an instant."""
        opening = self.company.start - timedelta(days=90)
        return [
            {"metadata": self._about(kind, name, space, made, version), **rest}
            for name, space, made, rest in (*_standing(kind, opening), *self._granted(kind, at))
        ]

    def granted(self, worker_id: str, at: datetime) -> str | None:
        """The binding of the access ticket that covers a person at an instant."""
        found = (t for t in self._access_tickets() if t.requester == worker_id and _covers(t, at))
        return next((_binding(t) for t in found), None)

    def _granted(self, kind: str, at: datetime) -> Iterator[tuple[str, str | None, datetime, dict[str, object]]]:
        for ticket in self._access_tickets():
            if kind == "rolebindings" and _covers(ticket, at) and ticket.approved_at:
                user = self.company.people[ticket.requester].email
                subject = {"kind": "User", "apiGroup": _RBAC, "name": user}
                yield _binding(ticket), NAMESPACE, ticket.approved_at, _bound("Role", "pod-debugger", subject)

    def _access_tickets(self) -> list[Ticket]:
        return [t for t in self.company.tickets if t.type == "access" and t.scope.get("system") == "kubernetes"]

    def _about(
        self, kind: str, name: str, space: str | None, made: datetime, version: Callable[[datetime], str]
    ) -> dict[str, object]:
        return {
            "name": name,
            **({"namespace": space} if space else {}),
            "uid": self.uid(kind, f"{space}/{name}"),
            "resourceVersion": version(made),
            "creationTimestamp": iso(made),
        }


def _container(rollout: Rollout, pod: str, made: datetime, *, ready: bool) -> dict[str, object]:
    """The state of a pod's container."""
    return {
        "name": "app", "image": rollout.reference, "imageID": f"{rollout.image.rpartition(':')[0]}@{rollout.digest}",
        "ready": ready, "started": True, "restartCount": 0,
        "state": {"running": {"startedAt": iso(made + timedelta(seconds=4))}}, "lastState": {},
        "containerID": f"containerd://{digest('container', pod).hex()}",
    }  # fmt: skip


def node_of(name: str) -> str:
    """The node on which a pod runs."""
    return NODES[number(0, len(NODES), "node", name)]


def _scalings(company: Company) -> Iterator[Scaling]:
    first, last = (t.astimezone(company.tz).date() for t in (company.start, company.end))
    for day in worktime.days(first, last):
        if worktime.is_workday(day) and number(0, 100, company.seed, "scaling", day) < 100 * _WEEKDAYS_SCALED:
            late = timedelta(seconds=number(0, 2400, company.seed, "scaling at", day))
            up, down = (worktime.at(day, hour, 20, company.tz) + late for hour in (11, 14))
            yield Scaling(SCALED, up, down)


def _covers(ticket: Ticket, at: datetime) -> bool:
    return ticket.approved_at is not None and ticket.valid_to is not None and ticket.approved_at <= at < ticket.valid_to


def _binding(ticket: Ticket) -> str:
    return f"jit-{ticket.key.lower()}"


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> dict[str, object]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _bound(kind: str, role: str, *subjects: Mapping[str, object]) -> dict[str, object]:
    return {"subjects": list(subjects), "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role}}


def _group(name: str) -> dict[str, str]:
    return {"kind": "Group", "apiGroup": _RBAC, "name": name}


def _account(namespace: str, name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _standing(kind: str, made: datetime) -> list[tuple[str, str | None, datetime, dict[str, object]]]:
    read = ["get", "list", "watch"]
    held: dict[str, list[tuple[str, str | None, dict[str, object]]]] = {
        "roles": [
            ("deployer", NAMESPACE, {"rules": [_rule(["apps"], ["deployments"], [*read, "patch"])]}),
            ("pod-debugger", NAMESPACE, {"rules": [_rule([""], ["pods/exec"], ["get", "create"])]}),
            ("viewer", NAMESPACE, {"rules": [_rule(["", "apps"], ["pods", "pods/log", "deployments"], read)]}),
        ],
        "rolebindings": [
            ("deployer", NAMESPACE, _bound("Role", "deployer", _account("deploy", "pipeline"))),
            ("sre-debug", NAMESPACE, _bound("Role", "pod-debugger", _group("sre"))),
            ("viewer", NAMESPACE, _bound("Role", "viewer", _group("sre"), _group("developers"))),
        ],
        "clusterroles": [
            ("evidence-reader", None, {"rules": [
                _rule([""], ["events", "pods"], read),
                _rule(["events.k8s.io"], ["events"], read),
                _rule([_RBAC], ["roles", "rolebindings", "clusterroles", "clusterrolebindings"], read),
            ]}),
            ("system:kube-scheduler", None, {"rules": [_rule([""], ["pods/binding"], ["create"])]}),
        ],
        "clusterrolebindings": [
            ("evidence-reader", None, _bound("ClusterRole", "evidence-reader", _account("evidence", "collector"))),
            ("system:kube-scheduler", None, _bound(
                "ClusterRole", "system:kube-scheduler",
                {"kind": "User", "apiGroup": _RBAC, "name": "system:kube-scheduler"},
            )),
        ],
    }  # fmt: skip
    return [(name, space, made, rest) for name, space, rest in held[kind]]
