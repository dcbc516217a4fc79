"""Every request that the API servers logged: the timeline's rollouts and sessions, and what machines do all day.

- A rollout is the pipeline's patch, which carries the deployed SHA, and what the controllers and the scheduler do next.
  A failed one is undone by the same run.
- Once an hour the prober asks each API server whether it is ready: its log is never silent for longer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from demo import worktime
from demo.systems.known import probes, session_id, set_up_at
from demo.systems.kubernetes.audit import SERVERS, Asked, Target, read_stages, write_stages
from demo.systems.kubernetes.cluster import DEPLOYED_SHA, NAMESPACE, RUN, SCALED
from demo.systems.stable import guid, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from demo.model import KubeExec, Rollout
    from demo.systems.kubernetes.cluster import Cluster

_APPS = ("apps", "v1")
_SECOND = timedelta(seconds=1)
_PIPELINE = "system:serviceaccount:deploy:pipeline"
_SCHEDULER = "system:kube-scheduler"
_MANAGER = "kube-controller-manager/v1.33.3 (linux/amd64) kubernetes/80779bd"
_KUBECTL = {
    "get": "kubectl/v1.33.3 (darwin/arm64) kubernetes/80779bd",
    "create": "kubectl/v1.29.2 (darwin/arm64) kubernetes/4b8e819",
}


def requests(cluster: Cluster) -> list[Asked]:
    """All requests, in order of time."""
    found = [*_rollouts(cluster), *_scalings(cluster), *_sessions(cluster), *_hourly(cluster), *_looks(cluster)]
    return sorted(found, key=lambda a: (a.at, a.audit_id))


def _controller(name: str) -> str:
    return f"system:serviceaccount:kube-system:{name}"


def _machine(cluster: Cluster, at: datetime, who: str, verb: str, target: Target, *, code: int = 200) -> Asked:
    audit_id = guid(cluster.company.seed, "audit", at, who, verb, target.uri)
    stages = read_stages(at, audit_id) if verb in {"get", "list", "watch"} else write_stages(at, audit_id)
    role = who.rpartition(":")[2] if who.startswith("system:serviceaccount:") else who
    reason = f'RBAC: allowed by ClusterRoleBinding "system:{role.removeprefix("system:")}" to "{who}"'
    return Asked(audit_id, at, verb, who, target, stages, reason, _MANAGER, "10.20.1.4", code)


# -- rollouts ----------------------------------------------------------------------------------------------------


def _rollouts(cluster: Cluster) -> Iterator[Asked]:
    for rollout in cluster.rollouts:
        start, end = rollout.started_at, rollout.completed_at
        yield _patch(rollout, rollout, rollout.audit_id, start)
        yield from _pods_made(cluster, rollout.pods, start)
        before = cluster.in_force(rollout.service, start)
        gone = before if rollout.succeeded else rollout
        if not rollout.succeeded and before:
            undo = guid(cluster.company.seed, "undo", rollout.audit_id)
            yield _patch(rollout, before, undo, end - _SECOND)
        if gone:
            yield from _pods_gone(cluster, gone.replica_set, gone.pods, end - _SECOND)


def _patch(by: Rollout, to: Rollout, audit_id: str, at: datetime) -> Asked:
    """The pipeline's patch of a workload, in the run of `by`, to what `to` deployed."""
    about = {DEPLOYED_SHA: to.sha, RUN: f"{by.run_id}/{by.run_attempt}"}
    containers = [{"name": "app", "image": to.reference}]
    body = {"metadata": {"annotations": about}, "spec": {"template": {
        "metadata": {"annotations": about}, "spec": {"containers": containers},
    }}}  # fmt: skip
    extra = {
        "authentication.kubernetes.io/pod-name": [f"runner-{by.run_id}"],
        "sessionName": [f"github-run-{by.run_id}-{by.run_attempt}"],
    }
    target = Target("deployments", NAMESPACE, by.service, api=_APPS, query="?fieldManager=kubectl-patch")
    reason = (
        f'RBAC: allowed by RoleBinding "deployer/{NAMESPACE}" of Role "deployer" to ServiceAccount "pipeline/deploy"'
    )
    return Asked(
        audit_id, at, "patch", _PIPELINE, target, write_stages(at, audit_id), reason,
        "kubectl/v1.33.3 (linux/amd64) kubernetes/80779bd", "10.20.9.12", extra=extra, body=body,
    )  # fmt: skip


def _pods_made(cluster: Cluster, pods: tuple[str, ...], at: datetime) -> Iterator[Asked]:
    made = Target("replicasets", NAMESPACE, api=_APPS)
    yield _machine(cluster, at + _SECOND / 5, _controller("deployment-controller"), "create", made, code=201)
    for n, pod in enumerate(pods):
        when = at + _SECOND * (2 + n) / 5
        yield _machine(
            cluster, when, _controller("replicaset-controller"), "create", Target("pods", NAMESPACE), code=201
        )
        binding = Target("pods", NAMESPACE, pod, "binding")
        yield _machine(cluster, when + _SECOND / 9, _SCHEDULER, "create", binding, code=201)


def _pods_gone(cluster: Cluster, replica_set: str, pods: tuple[str, ...], at: datetime) -> Iterator[Asked]:
    scale = Target("replicasets", NAMESPACE, replica_set, api=_APPS)
    yield _machine(cluster, at + _SECOND / 7, _controller("deployment-controller"), "update", scale)
    for n, pod in enumerate(pods):
        target = Target("pods", NAMESPACE, pod)
        yield _machine(cluster, at + _SECOND * (2 + n) / 7, _controller("replicaset-controller"), "delete", target)


def _scalings(cluster: Cluster) -> Iterator[Asked]:
    for scaling in cluster.scalings:
        rollout = cluster.in_force(scaling.service, scaling.up)
        if rollout:
            for at in (scaling.up, scaling.down):
                target = Target("deployments", NAMESPACE, scaling.service, "scale", _APPS)
                yield _machine(cluster, at, _controller("horizontal-pod-autoscaler"), "update", target)
            pod = cluster.extra_pod(scaling, rollout)
            binding = Target("pods", NAMESPACE, pod, "binding")
            made, gone = scaling.up + _SECOND / 3, scaling.down + _SECOND / 3
            controller = _controller("replicaset-controller")
            yield _machine(cluster, made, controller, "create", Target("pods", NAMESPACE), code=201)
            yield _machine(cluster, made + _SECOND / 9, _SCHEDULER, "create", binding, code=201)
            yield _machine(cluster, gone, controller, "delete", Target("pods", NAMESPACE, pod))


# -- people ------------------------------------------------------------------------------------------------------


def _sessions(cluster: Cluster) -> Iterator[Asked]:
    for told in cluster.company.kube_execs:
        if told.namespace == NAMESPACE:
            yield _session(cluster, told)
    company, at = cluster.company, set_up_at(cluster.company)
    first = next(p for p in company.people.values() if "sre" in p.teams)
    audit_id = session_id(company)
    ended = (("ResponseStarted", at), ("ResponseComplete", at + timedelta(minutes=3)))
    target = _exec(f"{SCALED}-5f7d8c9b64-x2x7k", "app", ("sh",))
    yield Asked(
        audit_id, at, "create", first.email, target, ended, _sre_reason(), _KUBECTL["create"], "10.20.4.31", 101,
        (*first.teams, "system:authenticated"),
    )  # fmt: skip


def _session(cluster: Cluster, told: KubeExec) -> Asked:
    when = {"ResponseComplete": told.ended_at}
    stages = tuple((stage, when.get(stage, told.time)) for stage in told.stages)
    target = _exec(told.pod, told.container, told.command, told.subresource)
    binding = cluster.granted(told.worker_id, told.time)
    reason = _sre_reason() if "sre" in told.groups or not binding else (
        f'RBAC: allowed by RoleBinding "{binding}/{NAMESPACE}" of Role "pod-debugger" to User "{told.username}"'
    )  # fmt: skip
    agent = _KUBECTL.get(told.verb, _KUBECTL["get"])
    return Asked(
        told.audit_id, told.time, told.verb, told.username, target, stages, reason, agent, told.source_ip, told.code,
        told.groups,
    )  # fmt: skip


def _sre_reason() -> str:
    return f'RBAC: allowed by RoleBinding "sre-debug/{NAMESPACE}" of Role "pod-debugger" to Group "sre"'


def _exec(pod: str, container: str, command: tuple[str, ...], subresource: str = "exec") -> Target:
    words = "&".join(f"command={word}" for word in command)
    return Target(
        "pods", NAMESPACE, pod, subresource, query=f"?{words}&container={container}&stdin=true&stdout=true&tty=true"
    )


def _looks(cluster: Cluster) -> Iterator[Asked]:
    """Whoever is on call lists the pods once or twice a weekday; nothing interactive."""
    company = cluster.company
    first, last = (t.astimezone(company.tz).date() for t in (company.start, company.end))
    for day in worktime.days(first, last):
        for n in range(number(1, 3, company.seed, "looks", day) if worktime.is_workday(day) else 0):
            at = worktime.at(day, 9 + 4 * n, 5, company.tz) + timedelta(seconds=number(0, 9000, company.seed, day, n))
            turn = next(t for t in company.on_call if t.start <= at < t.end)
            person = company.people[turn.worker_id]
            audit_id = guid(company.seed, "look", at)
            target = Target("pods", NAMESPACE, query="?limit=500")
            reason = f'RBAC: allowed by RoleBinding "viewer/{NAMESPACE}" of Role "viewer" to Group "sre"'
            groups = (*person.teams, "system:authenticated")
            yield Asked(
                audit_id, at, "list", person.email, target, read_stages(at, audit_id), reason, _KUBECTL["get"],
                "10.20.4.31", 200, groups,
            )  # fmt: skip


# -- all day -----------------------------------------------------------------------------------------------------


def _hourly(cluster: Cluster) -> Iterator[Asked]:
    company = cluster.company
    for at in probes(company, "kubernetes"):
        for n, server in enumerate(SERVERS):
            when = at + n * _SECOND
            audit_id = guid(company.seed, "probe", server, when)
            reason = 'RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" to Group "system:authenticated"'
            yield Asked(
                audit_id, when, "get", "system:serviceaccount:monitoring:prober", "/readyz",
                read_stages(when, audit_id), reason, "Go-http-client/2.0", "10.20.2.9", server=server,
            )  # fmt: skip
        jobs = Target("jobs", "monitoring", api=("batch", "v1"))
        yield _machine(cluster, at + 20 * _SECOND, _controller("cronjob-controller"), "create", jobs, code=201)
        metrics = Target("pods", NAMESPACE, api=("metrics.k8s.io", "v1beta1"))
        yield _machine(cluster, at + 33 * _SECOND, _controller("horizontal-pod-autoscaler"), "list", metrics)
        space = Target("namespaces", None, "kube-system")
        yield _machine(cluster, at + 47 * _SECOND, "system:kube-controller-manager", "get", space)
