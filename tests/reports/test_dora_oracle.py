"""The engine against the definitions in plain loops, on histories that nobody thought of."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.dora.folder import load_folder
from reports.dora.metrics import Metrics, compute
from reports.dora.parameters import Parameters
from tests.reports.dora_oracle import Oracle, Row, middle

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = datetime(2025, 12, 15, tzinfo=UTC)
HOURS = 24 * 28
COLUMNS = {
    "commits": "sha repo parents committed_at pr kind",
    "pull_requests": "pr repo title label merge_method merge_sha created_at merged_at head_branch",
    "pr_commits": "pr repo sha committed_at",
    "deployments": "deployment_id service environment sha run_id run_attempt created_at final_state final_at note",
    "incidents": "incident_id issue_number service environment created_at acknowledged_at resolved_at root_cause_sha"
    " causing_deployment",
}


def at(hours: float) -> datetime:
    """Hours after the beginning."""
    return BEGIN + timedelta(hours=hours)


def _commits(draw: st.DrawFn, repo: str, facts: dict[str, list[Row]]) -> list[str]:
    shas: list[str] = []
    for index in range(draw(st.integers(1, 7))):
        above = draw(st.lists(st.sampled_from(shas), max_size=2, unique=True)) if shas else []
        parents = above or shas[-1:]
        sha = f"{repo}{index}"
        pr = draw(st.sampled_from(["", str(index)]))
        when = at(index * 40 + draw(st.integers(0, 60)))
        facts["commits"].append({"sha": sha, "repo": repo, "parents": parents, "committed_at": when, "pr": pr})
        shas.append(sha)
        if pr:
            _pull(draw, repo, index, sha, facts, when)
    return shas


def _pull(draw: st.DrawFn, repo: str, index: int, sha: str, facts: dict[str, list[Row]], when: datetime) -> None:
    other = draw(st.integers(0, 7))
    titles = [f"work {index}", f'Revert "work {other}"', f"repair, see #{20 + other}", f"work (#{index})"]
    branches = [f"b{index}", "hotfix/x", f"revert-{other}-b"]
    method = draw(st.sampled_from(["merge", "squash", "rebase"]))
    facts["pull_requests"].append({
        "pr": str(index), "repo": repo, "title": draw(st.sampled_from(titles)),
        "label": draw(st.sampled_from(["", "hotfix", "docs,hotfix", f"I{other}"])), "merge_method": method,
        "merge_sha": sha, "created_at": when, "merged_at": when, "head_branch": draw(st.sampled_from(branches)),
    })  # fmt: skip
    for number in range(draw(st.integers(0, 2))):
        written = when - timedelta(hours=5 * number + 1)
        facts["pr_commits"].append({"pr": str(index), "repo": repo, "sha": f"{sha}-{number}", "committed_at": written})


@st.composite
def histories(draw: st.DrawFn) -> dict[str, list[Row]]:
    """Two services with their own graphs, deployments in any order, incidents with and without a cause."""
    facts: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    shas = {repo: _commits(draw, repo, facts) for repo in ("shop", "bill")}
    for index in range(draw(st.integers(1, 12))):
        service = draw(st.sampled_from(["shop", "shop", "bill"]))
        final = at(draw(st.integers(0, HOURS + 60)) + index / 100)
        state = draw(st.sampled_from(["success"] * 6 + ["failure", "timed_out", "cancelled", "in_progress"]))
        facts["deployments"].append({
            "deployment_id": f"D{index:02}", "service": service,
            "environment": draw(st.sampled_from(["production"] * 5 + ["staging"])),
            "sha": draw(st.sampled_from([*shas[service], "unknown"])), "run_id": str(draw(st.integers(1, 9))),
            "run_attempt": index + 1, "created_at": final - timedelta(minutes=9), "final_state": state,
            "final_at": None if state == "in_progress" else final,
        })  # fmt: skip
    for index in range(draw(st.integers(0, 5))):
        service = draw(st.sampled_from(["shop", "bill"]))
        opened = draw(st.integers(0, HOURS))
        cause = draw(st.sampled_from(["", *shas[service], *[f"{sha}-0" for sha in shas[service]], "shop1"]))
        ends = draw(st.lists(st.integers(0, 90), min_size=2, max_size=2))
        facts["incidents"].append({
            "incident_id": f"I{index}", "issue_number": str(20 + index), "service": service,
            "environment": draw(st.sampled_from(["production"] * 4 + ["staging"])), "created_at": at(opened),
            "acknowledged_at": draw(st.sampled_from([None, at(opened + min(ends))])),
            "resolved_at": draw(st.sampled_from([None, at(opened + max(ends))])), "root_cause_sha": cause,
        })  # fmt: skip
    return facts


def computed(folder: Path, facts: dict[str, list[Row]], oracle: Oracle) -> Metrics:
    """What the engine makes of the facts, written as the CSV files of a folder."""
    for name, columns in COLUMNS.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns.split(), restval="", extrasaction="ignore")
            writer.writeheader()
            for row in facts[name]:
                writer.writerow({k: _cell(v) for k, v in row.items()})
    with duckdb.connect() as con:
        assert load_folder(con, folder) == ()
        return compute(
            con, start=oracle.start, end=oracle.end, as_of=oracle.as_of, zone=oracle.zone,
            parameters=Parameters(grains=("day", "week", "window")),
        )  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return " ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def expected(oracle: Oracle, service: str) -> dict[tuple[str, str], Any]:
    """Statistics of the window, in the definitions' own words."""
    production = oracle.production(service)
    failed = [r for r in (oracle.releases[i] for i in oracle.failures()) if r in production]
    rework = [r for r in oracle.rework() if r in production]
    spans, still = oracle.recoveries(service)
    succeeded, ended = oracle.attempts(service)
    found: dict[tuple[str, str], Any] = {
        ("deployment_frequency", "count"): len(production),
        ("deployment_frequency", "change_bearing_count"): sum(r["kind"] in ("baseline", "other") for r in production),
        ("deployment_success_rate", "numerator"): succeeded,
        ("deployment_success_rate", "denominator"): ended,
        ("change_failure_rate", "numerator"): len(failed),
        ("change_failure_rate", "denominator"): len(production),
        ("rework_rate", "numerator"): len(rework),
        ("failed_deployment_recovery_time", "count"): len(spans),
        ("failed_deployment_recovery_time", "median"): middle(spans),
        ("failed_deployment_recovery_time", "open_count"): still,
        ("mttr", "median"): middle(oracle.spells(service, "resolved_at")),
        ("mtta", "median"): middle(oracle.spells(service, "acknowledged_at")),
    }
    for metric, original in (("lead_time", False), ("lead_time_original", True)):
        leads = oracle.leads(service, original=original)
        found[metric, "count"] = len(leads)
        found[metric, "median"] = middle(leads)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, written anew by each example."""
    return tmp_path_factory.mktemp("facts")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(), st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles"]), st.integers(300, HOURS + 80))
def test_any_history_has_the_values_that_the_definitions_say(
    folder: Path, facts: dict[str, list[Row]], zone: str, known: int
) -> None:
    """Deployments, lead times of both clocks, failures, recoveries, rework, incidents, weeks: as in plain loops."""
    oracle = Oracle(facts, date(2025, 12, 17), date(2026, 1, 12), at(known), zone)
    metrics = computed(folder, facts, oracle)
    rows = metrics.to_rows()
    services = {row["service"] for row in rows}

    for service in services:
        window = {
            (r["metric"], r["statistic"]): r["value"] for r in rows
            if (r["service"], r["grain"]) == (service, "window")
        }  # fmt: skip
        wanted = expected(oracle, service)
        assert {key: window.get(key) for key in wanted} == pytest.approx(wanted), service
        series = {"metric": "deployment_frequency", "statistic": "count", "service": service, "grain": "week"}
        weeks = [r["value"] for r in rows if series.items() <= r.items()]
        assert weeks == oracle.weekly(service)
    assert all(guard.value == 0 for guard in metrics.guards if guard.guard in CONSISTENT)


CONSISTENT = {"sums_that_differ", "evidence_that_differs", "rates_over_one"}
