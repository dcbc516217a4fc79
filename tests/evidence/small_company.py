"""The records of a small company for `small_github`: two repositories, one day of work, one of everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.capture import Window
from tests.evidence.small_github import World

DAY = Window(datetime(2026, 7, 2, tzinfo=UTC), datetime(2026, 7, 3, tzinfo=UTC))
NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
REPOS = ("acme/ledger", "acme/web")


def at(hour: float, *, days: int = 0) -> str:
    """An instant of the day, as GitHub writes it."""
    return (DAY.start + timedelta(days=days, hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def world() -> World:
    """A fresh company."""
    made = World(by_cursor={"/orgs/acme/audit-log", *(f"/repos/{repo}/activity" for repo in REPOS)})
    made.lists["/orgs/acme/repos"] = [{"id": n, "name": repo.split("/")[1]} for n, repo in enumerate(REPOS)]
    made.lists["/orgs/acme/audit-log"] = [_event(n) for n in range(7)]
    made.lists["/orgs/acme/members"] = [{"id": n, "login": f"m{n}"} for n in range(5)]
    made.lists["/orgs/acme/credential-authorizations"] = [{"credential_id": n, "login": "m1"} for n in range(3)]
    made.lists["/orgs/acme/personal-access-tokens"] = [{"id": n, "owner": {"login": "m1"}} for n in range(3)]
    made.single["/graphql"] = {"data": {"organization": {"samlIdentityProvider": None}}}
    for base, repo in enumerate(REPOS):
        _repository(made, repo, (base + 1) * 1000)
    return made


def pull(number: int, updated: str, *, base: int) -> dict[str, Any]:
    """A pull request as the list shows it."""
    return {"id": base + number, "number": number, "updated_at": updated, "created_at": at(1)}


def run(number: int, *, created: str, attempt: int = 1, status: str = "completed", updated: str = "") -> dict[str, Any]:
    """A workflow run."""
    return {
        "id": number, "run_attempt": attempt, "status": status, "created_at": created,
        "updated_at": updated or created, "path": ".github/workflows/cd.yml",
    }  # fmt: skip


def commit(sha: str, parent: str, date: str) -> dict[str, Any]:
    """A commit on a branch."""
    parents = [{"sha": parent}] if parent else []
    return {"sha": sha, "parents": parents, "commit": {"committer": {"date": date}}}


def _event(number: int) -> dict[str, Any]:
    created = DAY.start + timedelta(hours=number * 3)
    return {"_document_id": f"doc{number}", "action": "repo.access", "created_at": int(created.timestamp() * 1000)}


def _repository(made: World, repo: str, base: int) -> None:
    root = f"/repos/{repo}"
    made.single[root] = {"id": base, "default_branch": "main"}
    made.lists[f"{root}/pulls"] = [pull(n, at(20 - n), base=base) for n in (1, 2, 3)]
    for n in (1, 2, 3):
        made.single[f"{root}/pulls/{n}"] = pull(n, at(20 - n), base=base) | {"merged_by": None}
        made.lists[f"{root}/pulls/{n}/reviews"] = [{"id": base + 10 * n + k, "state": "APPROVED"} for k in range(3)]
        made.lists[f"{root}/pulls/{n}/commits"] = [{"sha": f"{base}{n}{k}"} for k in range(3)]
        made.lists[f"{root}/issues/{n}/events"] = [{"id": base + 10 * n + k, "event": "labeled"} for k in range(2)]
    made.lists[f"{root}/activity"] = [{"id": base + n, "timestamp": at(20 - n)} for n in range(5)]
    made.lists[f"{root}/collaborators"] = [{"id": n, "login": f"m{n}", "role_name": "write"} for n in range(3)]
    made.lists[f"{root}/rulesets"] = [{"id": base + n, "name": f"rule {n}"} for n in range(3)]
    made.lists[f"{root}/rulesets/rule-suites"] = [
        {"id": base + n, "pushed_at": at(20 - n), "result": "bypass" if n == 1 else "pass"} for n in range(3)
    ]
    made.single[f"{root}/rulesets/rule-suites/{base + 1}"] = {"id": base + 1, "rule_evaluations": []}
    for n in range(3):
        made.single[f"{root}/rulesets/{base + n}"] = {"id": base + n, "rules": []}
    made.missing[f"{root}/branches/main/protection"] = "Branch not protected"
    made.keyed[f"{root}/environments"] = ("environments", [{"id": base + n, "name": f"env{n}"} for n in range(3)])
    made.lists[f"{root}/deployments"] = [
        {"id": base + n, "environment": "production", "created_at": at(n), "updated_at": at(n)} for n in (3, 2, 1)
    ]
    for n in (1, 2, 3):
        made.lists[f"{root}/deployments/{base + n}/statuses"] = [
            {"id": base + 10 * n + k, "state": state} for k, state in enumerate(("in_progress", "success"))
        ]
    made.lists[f"{root}/commits"] = [commit(f"{base}c{n}", f"{base}c{n - 1}", at(n)) for n in (5, 4, 3, 2, 1)]
    _actions(made, root, base)


def _actions(made: World, root: str, base: int) -> None:
    runs = [run(base + n, created=at(10 - n), attempt=2 if n == 1 else 1) for n in range(3)]
    made.keyed[f"{root}/actions/runs"] = ("workflow_runs", runs)
    for item in runs:
        where = f"{root}/actions/runs/{item['id']}"
        made.single[where] = item
        made.lists[f"{where}/approvals"] = [{"state": "approved", "comment": "", "user": {"id": 1}}]
        for attempt in range(1, item["run_attempt"] + 1):
            jobs = [{"id": item["id"] * 100 + attempt * 10 + k, "run_attempt": attempt} for k in range(3)]
            made.keyed[f"{where}/attempts/{attempt}/jobs"] = ("jobs", jobs)
            made.single[f"{where}/attempts/{attempt}"] = item | {"run_attempt": attempt}
