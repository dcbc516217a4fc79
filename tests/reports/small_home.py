"""A home of one small service over two weeks, imported from records as the systems write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from warehouse.open import open_home

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from warehouse.home import Home

REPO = "acme/app"
START = datetime(2026, 7, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 20, tzinfo=UTC)
PERIOD = "2026Q3"
SCOPE: dict[str, Any] = {"repos": {REPO: {"id": 1, "service": "app", "protected": ["main"]}}, "prod_envs": ["live"]}


def at(days: float = 0, minutes: float = 0) -> str:
    """An instant of the fortnight, as GitHub writes it."""
    return (START + timedelta(days=days, minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha(number: int) -> str:
    """A commit id."""
    return f"{number:040x}"


def commit(number: int, committed: str) -> dict[str, Any]:
    """A commit on top of the one before it."""
    parents = [{"sha": sha(number - 1)}] if number else []
    return {
        "sha": sha(number), "parents": parents, "_repo": REPO,
        "commit": {"committer": {"date": committed}, "author": {"date": committed}, "message": f"change {number}"},
    }  # fmt: skip


def deployment(number: int, of: int, created: str) -> dict[str, Any]:
    """A deployment of commit `of`, by the run of the same number."""
    return {
        "id": number, "sha": sha(of), "environment": "live", "created_at": created, "updated_at": created,
        "payload": {"run_id": number}, "_repo": REPO,
    }  # fmt: skip


def status(number: int, state: str, created: str) -> dict[str, Any]:
    """The final status of a deployment."""
    url = f"https://api.github.com/repos/{REPO}/deployments/{number}"
    return {"id": number * 10, "state": state, "created_at": created, "updated_at": created, "deployment_url": url}


def job(number: int, run: int, started: str, completed: str, conclusion: str = "success") -> dict[str, Any]:
    """A job of a run's first attempt."""
    return {
        "id": number, "run_id": run, "run_attempt": 1, "name": f"job {number}", "status": "completed",
        "conclusion": conclusion, "created_at": started, "started_at": started, "completed_at": completed,
        "_repo": REPO,
    }  # fmt: skip


def incident(name: str, created: str, resolved: str | None, linked: object, cause: str = "change") -> dict[str, Any]:
    """An incident of the register."""
    return {
        "id": name, "severity": "sev2", "service": "app", "created_at": created, "detected_at": created,
        "acknowledged_at": created, "resolved_at": resolved, "cause": cause, "linked_change": linked,
    }  # fmt: skip


def fortnight() -> dict[str, list[dict[str, Any]]]:
    """A deployment a day, half an hour after its commit; the third one fails its users for 20 minutes."""
    days = range(14)
    return {
        "git.commits": [commit(n, at(n, 600)) for n in days],
        "github.deployments": [deployment(n + 1, n, at(n, 620)) for n in days],
        "github.deployment_statuses": [status(n + 1, "success", at(n, 630)) for n in days],
        "github.pull_requests": [],
        "github.workflow_jobs": [job(n, n + 1, at(n, 601), at(n, 611)) for n in days],
        "company.incidents": [incident("INC-1", at(2, 640), at(2, 660), {"repo": REPO, "deployment": 3})],
    }


def make_home(folder: Path, *, scope: dict[str, Any] | None = None) -> Home:
    """An empty home."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"company": "Acme", "home": "home", "store": {"retention_years": 0}, "scope": scope or SCOPE}
    (folder / "evidence.yaml").write_text(yaml.safe_dump(settings))
    return open_home(folder / "evidence.yaml", now=NOW)


def take(home: Home, records: dict[str, list[dict[str, Any]]], *, now: datetime = NOW) -> None:
    """Hand in records of some streams, and build their tables."""
    for stream, rows in records.items():
        keep(home, stream, rows, now=now)
    home.builder().build(records)


def keep(home: Home, stream: str, rows: Iterable[dict[str, Any]], *, now: datetime = NOW) -> None:
    """Keep records as one file."""
    path = home.path / "handed-in.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows)))
    home.custody.keep_file(stream, path, name=f"{stream} {now:%Y-%m-%d}.json", now=now)
    path.unlink()
