"""Every request that reached Vault: those of the timeline, and the machines' and people's everyday ones.

- Machines: the hourly probe, workloads that log in through Kubernetes, read their secrets and renew their token,
  and the CI runner's AppRole around each run.
- People log in through the identity provider before they ask for anything, and read development paths only.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo import roster, worktime
from demo.systems.known import AFTER, probes, root_use_id, set_up_at
from demo.systems.stable import guid, nanos, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from demo.model import Company, Person, VaultUse

_SECOND = timedelta(seconds=1)
_MILLISECOND = 1_000_000  # nanoseconds
_MOUNTS = {"secret": ("secret/", "kv"), "sys": ("sys/", "system"), "identity": ("identity/", "identity")}
_SOON = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose token asks. `token` is its label, to be HMACed; `entity_id` is None for root."""

    token: str
    display_name: str
    policies: tuple[str, ...]
    entity_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    ttl: int = 0  # seconds; 0: does not expire
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `at` and `took` are nanoseconds; `grants` is whom a login lets in; `answered` False: no response."""

    at: int
    took: int
    id: str
    operation: str
    path: str
    mount: tuple[str, str]
    address: str
    identity: Identity | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    grants: Identity | None = None
    error: str | None = None
    answered: bool = True


def calls(company: Company) -> list[Call]:
    """All requests, in order of time."""
    found = [
        *_set_up(company),
        *_timeline(company),
        *_probe(company),
        *_workloads(company),
        *_runner(company),
        *_people(company),
    ]
    return sorted(found, key=lambda c: (c.at, c.id))


class _Caller:
    """Makes the calls of one identity, each with an id that follows from what it is."""

    def __init__(self, company: Company, identity: Identity, address: str) -> None:
        self._seed, self.identity, self._address = company.seed, identity, address

    def login(self, at: datetime, mount: tuple[str, str], path: str, data: Mapping[str, object]) -> Call:
        """The request that made the token."""
        return self._call(at, ("update", path), mount, None, data=data, grants=self.identity)

    def ask(self, at: datetime, operation: str, path: str, error: str | None = None) -> Call:
        """One request with the token."""
        mount = _MOUNTS.get(path.partition("/")[0], ("auth/token/", "token"))
        return self._call(at, (operation, path), mount, self.identity, error=error)

    def _call(
        self,
        at: datetime,
        what: tuple[str, str],
        mount: tuple[str, str],
        identity: Identity | None,
        *,
        data: Mapping[str, object] | None = None,
        grants: Identity | None = None,
        error: str | None = None,
    ) -> Call:
        name = (self._seed, "vault", self.identity.token, at, *what)
        return Call(
            _within(at, *name), _took(*name), guid(*name), *what, mount, self._address, identity, data or {}, grants,
            error,
        )  # fmt: skip


def _within(at: datetime, *name: object) -> int:
    return nanos(at) + number(0, 900 * _MILLISECOND, *name, "at")


def _took(*name: object) -> int:
    return number(_MILLISECOND // 3, 24 * _MILLISECOND, *name, "took")


def _set_up(company: Company) -> Iterator[Call]:
    """The device's own test line, which has no response, and the root token's last use."""
    at = set_up_at(company)
    test = guid(company.seed, "vault", "audit test")
    yield Call(nanos(at) - 60_048_810_996, 0, test, "update", "sys/audit/test", ("", ""), "", answered=False)
    root = Identity("root-set-up", "root", ("root",))
    yield Call(
        nanos(at), 4 * _MILLISECOND, root_use_id(company), "read", "sys/mounts", _MOUNTS["sys"], "10.40.3.17", root
    )


def _timeline(company: Company) -> Iterator[Call]:
    """The uses that the timeline tells; whoever has an entity logged in shortly before the first."""
    issued: dict[str, datetime] = {}
    for use in company.vault_uses:
        if use.entity_id and use.token and use.token not in issued:
            issued[use.token] = use.time - 25 * _SECOND
            identity = _who(use, issued[use.token])
            yield _Caller(company, identity, use.remote_address).login(issued[use.token], *_oidc(use.token))
        identity_or_none = _who(use, issued.get(use.token)) if use.token else None
        name = (company.seed, "vault", use.request_id)
        yield Call(
            _within(use.time, *name), _took(*name), use.request_id, use.operation, use.path, _mount(use),
            use.remote_address, identity_or_none, use.data, None, use.error,
        )  # fmt: skip


def _mount(use: VaultUse) -> tuple[str, str]:
    return ("auth/token/", "token") if use.path.startswith("auth/token/") else (use.mount_point, use.mount_type)


def _who(use: VaultUse, issued: datetime | None) -> Identity:
    metadata = {"email": use.display_name.removeprefix("oidc-"), "role": use.policies[-1]} if use.entity_id else {}
    ttl = 28_800 if use.entity_id else 0
    return Identity(use.token or "", use.display_name, use.policies, use.entity_id, metadata, ttl, issued)


def _oidc(token: str) -> tuple[tuple[str, str], str, dict[str, object]]:
    return ("auth/oidc/", "oidc"), "auth/oidc/oidc/callback", {"code": f"{token}-code", "state": f"{token}-state"}


def _probe(company: Company) -> Iterator[Call]:
    """The monitoring system's look at its own token, hourly, with a login a day."""
    caller = None
    for at in probes(company, "vault"):
        if caller is None or at.hour == 0:
            label = f"monitoring-{at:%Y%m%d}"
            entity = roster.entity("monitoring")
            who = Identity(label, "approle", ("default", "probe"), entity, {"role_name": "monitoring"}, 90_000, at)
            caller = _Caller(company, who, "10.40.2.9")
            data = {"role_id": "monitoring", "secret_id": label}
            yield caller.login(at - 2 * _SECOND, ("auth/approle/", "approle"), "auth/approle/login", data)
        yield caller.ask(at, "read", "auth/token/lookup-self")


def _workloads(company: Company) -> Iterator[Call]:
    """Each production service: every eight hours a new token, its secret, and renewals in between."""
    day = company.start - timedelta(days=1)
    while day < company.end + AFTER:
        for n, service in enumerate(r.service for r in company.repositories.values() if r.service):
            for start in range(0, 24, 8):
                at = day + timedelta(hours=start, minutes=11 + 7 * n)
                caller = _Caller(company, _workload(service, at), f"10.30.4.{21 + n}")
                data = {"role": service, "jwt": f"{service}-{at}"}
                yield caller.login(at, ("auth/kubernetes/", "kubernetes"), "auth/kubernetes/login", data)
                yield caller.ask(
                    at + _SECOND, "read", f"secret/data/production/{roster.secret_folder(service)}/database"
                )
                yield caller.ask(at + timedelta(hours=4), "update", "auth/token/renew-self")
        day += timedelta(days=1)


def _workload(service: str, at: datetime) -> Identity:
    about = {"service_account_name": service, "service_account_namespace": "production", "role": service}
    entity = roster.entity(f"system:serviceaccount:production:{service}")
    policies = ("default", f"{roster.secret_folder(service)}-production")
    return Identity(f"{service}-{at:%Y%m%d%H}", f"kubernetes-production-{service}", policies, entity, about, 32_400, at)


def _runner(company: Company) -> Iterator[Call]:
    """The CI runner's login and the registry's password, at the start of each attempt of a run."""
    entity = roster.entity("ci-runner")
    for run in company.runs:
        for attempt in run.attempts:
            at = attempt.started_at + 10 * _SECOND
            label = f"ci-{run.id}-{attempt.number}"
            who = Identity(label, "approle", ("default", "ci"), entity, {"role_name": "ci-runner"}, 1_200, at)
            caller = _Caller(company, who, f"10.40.5.{run.id % 200 + 20}")
            data = {"role_id": "ci-runner", "secret_id": label}
            yield caller.login(at, ("auth/approle/", "approle"), "auth/approle/login", data)
            yield caller.ask(at + _SECOND, "read", "secret/data/ci/registry")


def _people(company: Company) -> Iterator[Call]:
    """Two to four people a weekday who read settings of the development environment; now and then one is refused."""
    services = [r.service for r in company.repositories.values() if r.service]
    for day in worktime.days(_local(company.start, company), _local(company.end, company)):
        if not worktime.is_workday(day):
            continue
        rng = random.Random(f"{company.seed}/vault people/{day}")
        noon = worktime.at(day, 12, 0, company.tz)
        for person in rng.sample(_present(company, noon), rng.randint(2, 4)):
            at = worktime.at(day, 9, 0, company.tz) + rng.randint(0, 28_000) * _SECOND
            token = f"oidc-{person.login}-{at:%Y%m%dT%H%M%S}"
            metadata = {"email": person.email, "role": person.teams[-1]}
            policies = ("default", *person.teams)
            who = Identity(token, f"oidc-{person.email}", policies, person.vault_entity_id, metadata, 28_800, at)
            caller = _Caller(company, who, f"10.40.7.{rng.randint(30, 99)}")
            service = rng.choice(services)
            yield caller.login(at, *_oidc(token))
            yield caller.ask(at + 4 * _SECOND, "list", f"secret/metadata/dev/{service}")
            yield caller.ask(at + 9 * _SECOND, "read", f"secret/data/dev/{service}/settings")
            if rng.random() < 0.06:  # noqa: PLR2004 - about once in six days
                yield caller.ask(
                    at + 30 * _SECOND, "read", f"secret/data/staging/{service}/database", "permission denied"
                )


def _present(company: Company, at: datetime) -> list[Person]:
    return [p for p in company.people.values() if "developers" in p.teams and p.employed(at) and p.employed(at + _SOON)]


def _local(at: datetime, company: Company) -> date:
    return at.astimezone(company.tz).date()
