"""Other tools' own fixtures: equal where we agree, a stated difference where we do not.

Each difference is one that the design page calls a mistake or another metric. Not comparable, and so not here:
what a tool does before there are facts (which pipeline is a deployment), and means over a pull request's stages.
"""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from reports.dora.metrics import compute
from reports.dora.parameters import Parameters
from tests.reports.dora_history import Computed, History

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = 24.0 * 3650
STATES = {"SUCCESS": "success", "FAILED": "failure", "FAILURE": "failure", "OTHER": "cancelled"}


def _computed(
    history: History, *, start: date = date(1970, 1, 1), end: date = date(2027, 1, 1), **more: Any
) -> Computed:
    con = history.connection()
    as_of = datetime(end.year, end.month, end.day, tzinfo=UTC)
    parameters = Parameters(**{"grains": ("window",)} | more)
    return Computed(con, compute(con, start=start, end=end, as_of=as_of, zone="UTC", parameters=parameters))


# Metrik


def _metrik(shared: Path, vector: dict[str, Any]) -> Computed:
    """Builds → attempts; each pipeline is a service whose change sets are one line of commits."""
    history = History()
    heads: dict[str, str] = {}
    builds = json.loads((shared / "dora" / "metrik" / vector["file"]).read_text())
    for build in sorted(builds, key=lambda build: (str(build["pipelineId"]), build["number"])):
        service, number = f"p{build['pipelineId']}", build["number"]
        for index, change in enumerate(build["changeSets"]):
            sha = f"{service}-{number}-{index}"
            when = EPOCH + timedelta(milliseconds=change["timestamp"])
            parents = [heads[service]] if service in heads and heads[service] != sha else []
            if not any(row["sha"] == sha for row in history.facts["commits"]):
                history.add("commits", sha=sha, repo=service, parents=parents, committed_at=when)
            heads[service] = sha
        for stage in build["stages"]:
            if stage["name"] == vector["target_stages"].get(str(build["pipelineId"])):
                lasted = stage["durationMillis"] + stage["pauseDurationMillis"]
                done = EPOCH + timedelta(
                    milliseconds=stage.get("completedTimeMillis") or stage["startTimeMillis"] + lasted
                )
                name, state = f"{service}-{number}", STATES[stage["status"]]
                sha = heads.get(service, name)
                times = {"created_at": done, "final_at": done}
                history.deploy(name, sha, 0, service=service, final_state=state, **times)
    return _computed(history)


def _vectors(shared: Path, metric: str) -> list[dict[str, Any]]:
    vectors = json.loads((shared / "dora" / "metrik" / "manifest.json").read_text())
    return [vector for vector in vectors if vector["metric"] == metric]


def _within(computed: Computed, vector: dict[str, Any], metric: str, condition: str) -> list[tuple[Any, ...]]:
    query = (
        f"SELECT value, numerator FROM dora_observation WHERE metric = '{metric}' AND {condition}"
        f" AND epoch_ms(instant) BETWEEN {vector['start_ms']} AND {vector['end_ms']}"
    )
    return computed.con.execute(query).fetchall()


def test_metrik_counts_the_same_deployments(shared: Path) -> None:
    """Successful deployments within the bounds, of all pipelines; equal."""
    for vector in _vectors(shared, "deployment_frequency_count"):
        found = _within(_metrik(shared, vector), vector, "deployment_frequency", "NOT excluded")
        assert len(found) == vector["expected"]


def test_metrik_has_the_same_lead_times_but_for_baselines(shared: Path) -> None:
    """Equal over the same commits. Metrik counts those of a first deployment, whose age says nothing; we list them."""
    differing = 0
    for vector in _vectors(shared, "mean_lead_time_ms"):
        computed = _metrik(shared, vector)
        either = _within(computed, vector, "lead_time", "(NOT excluded OR reason = 'baseline')")
        ours = _within(computed, vector, "lead_time", "NOT excluded")
        if vector["expected"] == "NaN":
            assert either == []
        else:
            assert sum(row[0] for row in either) / len(either) * 60_000 == pytest.approx(vector["expected"])
        differing += len(ours) != len(either)

    assert differing == 5


def test_metrik_calls_failed_pipelines_a_change_failure(shared: Path) -> None:
    """Their rate is our attempts that did not succeed; in our sense nothing failed, since nothing failed was live."""
    for vector in _vectors(shared, "change_failure_rate_pct"):
        computed = _metrik(shared, vector)
        attempts = _within(computed, vector, "deployment_success_rate", "NOT excluded")
        failed = [row for row in attempts if not row[1]]
        assert (vector["expected"] == "NaN") == (not attempts)
        if attempts:
            assert 100 * len(failed) / len(attempts) == pytest.approx(vector["expected"])
        assert computed.failed() == set()


def test_metrik_restores_what_never_failed_in_our_sense(shared: Path) -> None:
    """Their time to restore runs from a failed pipeline to the next success; we have no failure to recover from."""
    vectors = _vectors(shared, "mean_time_to_restore_ms")
    for vector in vectors:
        assert _metrik(shared, vector).value("failed_deployment_recovery_time", "count") == 0
    assert len(vectors) == 7


# Middleware


def _calls(shared: Path, function: str) -> list[dict[str, Any]]:
    calls = json.loads((shared / "dora" / "middleware" / "vectors.json").read_text())
    return [call for call in calls if call["function"].endswith("." + function)]


def _middleware(deployments: list[dict[str, Any]], incidents: list[dict[str, Any]]) -> History:
    """A team is one service; each deployment has a commit of its own; incidents are told apart by their place."""
    history = History()
    parent: list[str] = []
    for row in sorted(deployments, key=lambda row: row["conducted_at"]):
        name, when = row["deployment"], datetime.fromisoformat(row["conducted_at"])
        history.add("commits", sha=name, repo="app", parents=parent, committed_at=when)
        parent = [name]
        state = STATES.get(row["status"], "cancelled")
        history.deploy(name, name, 0, final_state=state, created_at=when, final_at=when)
    for index, row in enumerate(incidents):
        created = datetime.fromisoformat(row["creation_date"])
        resolved = row["resolved_date"] and datetime.fromisoformat(row["resolved_date"])
        history.incident(f"I{index}", 0, created_at=created, resolved_at=resolved)
    return history


def test_middleware_counts_the_same_deployments(shared: Path) -> None:
    """Totals and ISO weeks are equal; its averages are cut to whole numbers, so that three in 16 days are 0 a day."""
    for call in _calls(shared, "_get_deployment_frequency_metrics"):
        rows, bounds = call["args"]
        start, last = (datetime.fromisoformat(bounds[name]).date() for name in ("from", "to"))
        computed = _computed(
            _middleware(rows, []), start=start, end=last + timedelta(days=1), grains=("window", "week")
        )
        total = call["result"]["total_deployments"]
        if rows:
            assert computed.value("deployment_frequency", "count") == total
            assert call["result"]["daily_deployment_frequency"] == 0 < total
    for call in _calls(shared, "_get_weekly_deployment_frequency_trends"):
        rows, bounds = call["args"]
        start, last = (datetime.fromisoformat(bounds[name]).date() for name in ("from", "to"))
        computed = _computed(_middleware(rows, []), start=start, end=last + timedelta(days=1), grains=("week",))
        weeks = [row["value"] for row in computed.rows("deployment_frequency", "count", grain="week")]
        assert weeks == [count for _, count in call["result"]]


def test_middleware_restores_in_the_same_mean_time(shared: Path) -> None:
    """The mean over resolved incidents is equal."""
    for call in _calls(shared, "_get_incidents_mean_time_to_recovery"):
        (incidents,) = call["args"]
        computed = _computed(_middleware([], incidents))
        assert computed.value("mttr", "count") == call["result"]["incident_count"]
        if incidents:
            assert computed.value("mttr", "mean") * 60 == pytest.approx(call["result"]["mean_time_to_recovery"])


def test_middleware_blames_by_time_what_we_only_list(shared: Path) -> None:
    """Without our bound, links by time are equal where the deployment succeeded.

    It also blames failed and pending runs, which were never live, and days-old deployments; ours counts neither.
    """
    compared = 0
    for call in _calls(shared, "get_deployment_incidents_map"):
        deployments, incidents = call["args"]
        if not deployments or not incidents:
            continue
        history = _middleware(deployments, incidents)
        computed = _computed(history, temporal_hours=FOREVER)
        query = "SELECT deployment_id, count(*) FROM dora_failure_link WHERE method = 'temporal' GROUP BY ALL"
        ours = dict(computed.con.execute(query).fetchall())
        theirs = {row["deployment"]: len(linked) for row, linked in call["result"] if linked}
        if all(row["status"] == "SUCCESS" for row in deployments):
            compared += 1
            assert ours == theirs
        assert computed.failed() == set()

    assert compared >= 5


# DevLake


def _table(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "dora" / "devlake" / name).open() as file:
        return list(csv.DictReader(file))


def _devlake(rows: list[dict[str, str]], parents: dict[str, list[str]], service: str = "") -> History:
    """A scope and repository is a service, unless one is named; the commits are of one repository."""
    history = History()
    for row in rows:
        finished = datetime.fromisoformat(row.get("finished_date") or row["started_date"])
        history.deploy(
            row["id"], row["commit_sha"], 0, service=service or f"{row['cicd_scope_id']} {row['repo_url']}", repo="r",
            environment=row["environment"].lower(), final_state=STATES[row["result"]],
            created_at=finished, final_at=finished,
        )  # fmt: skip
    for sha, above in parents.items():
        history.add("commits", sha=sha, repo="r", parents=above, committed_at=EPOCH)
    return history


def test_devlake_finds_the_same_previous_deployment(shared: Path) -> None:
    """Per scope, repository and environment, in the order of finishing, failures left out: equal in every row."""
    folder = "dora/prev_success_deployment_commit/cicd_deployment_commits"
    computed = _computed(_devlake(_table(shared, f"{folder}_before.csv"), {}))
    query = (
        "SELECT d.deployment_id, p.deployment_id FROM dora_deployment d JOIN dora_deployment p ON p.dep = d.previous"
    )
    expected = {row["id"]: row["prev_success_deployment_commit_id"] for row in _table(shared, f"{folder}_after.csv")}

    assert dict(computed.con.execute(query).fetchall()) == {name: before for name, before in expected.items() if before}


def test_devlake_finds_the_same_commits(shared: Path) -> None:
    """The difference of the commit graph between two deployments is equal."""
    folder = "refdiff/deployment_commit_diff"
    parents: dict[str, list[str]] = {row["commit_sha"]: [] for row in _table(shared, f"{folder}/repo_commits.csv")}
    for row in _table(shared, f"{folder}/commit_parents.csv"):
        parents[row["commit_sha"]].append(row["parent_commit_sha"])
    computed = _computed(_devlake(_table(shared, f"{folder}/cicd_deployment_commits.csv"), parents))
    query = "SELECT d.sha, c.sha FROM dora_change c JOIN dora_deployment d USING (dep)"
    ours = set(computed.con.execute(query).fetchall())
    expected = {(row["new_commit_sha"], row["commit_sha"]) for row in _table(shared, f"{folder}/commits_diffs.csv")}

    assert {pair for pair in ours if pair[0] in {head for head, _ in expected}} == expected


def test_devlake_has_the_same_minutes_from_merge_to_production(shared: Path) -> None:
    """Equal, rounded up as there. A merge after its deployment is null there, and here a listed negative span."""
    folder = "dora/change_lead_time"
    rows = _table(shared, f"{folder}/cicd_deployment_commits.csv")
    parents: dict[str, list[str]] = {row["commit_sha"]: [] for row in rows}
    for row in _table(shared, f"{folder}/commits_diffs.csv"):
        parents[row["new_commit_sha"]].append(row["commit_sha"])
        parents.setdefault(row["commit_sha"], [])
    history = _devlake(rows, parents)
    for row in _table(shared, f"{folder}/pull_requests.csv"):
        if row["merged_date"]:
            merged = datetime.strptime(row["merged_date"] + "+0000", "%Y-%m-%d %H:%M:%S%z")
            history.pull(row["id"], row["merge_commit_sha"], 0, repo="r")
            history.facts["pull_requests"][-1]["merged_at"] = merged
    computed = _computed(history)
    query = "SELECT fact_id, value FROM dora_observation WHERE metric = 'merged_to_production' AND NOT excluded"
    ours = {fact.removeprefix("r#"): ceil(value) for fact, value in computed.con.execute(query).fetchall()}
    expected = _table(shared, f"{folder}/project_pr_metrics.csv")

    assert ours == {row["id"]: int(row["pr_deploy_time"]) for row in expected if row["pr_deploy_time"]}
    assert computed.facts("merged_to_production", "excluded") == {"r#pr0", "r#pr3"}  # baseline, negative


def test_devlake_links_incidents_without_bound(shared: Path) -> None:
    """With a project as the service and no bound the links are equal; with our bound two months are no link."""
    folder = "dora/connect_incident_to_deployment"
    scopes = {
        row["row_id"]
        for row in _table(shared, f"{folder}/raw_tables/project_mapping.csv")
        if row["project_name"] == "project1"
    }
    rows = _table(shared, f"{folder}/prev_success_deployment_commit/cicd_deployment_commits_after.csv")
    pipelines = {row["id"]: row["cicd_deployment_id"] for row in rows}
    history = _devlake([row for row in rows if row["cicd_scope_id"] in scopes], {}, service="project1")
    for row in _table(shared, f"{folder}/raw_tables/incidents.csv"):
        if row["scope_id"] in scopes:
            created = datetime.fromisoformat(row["created_date"]).replace(tzinfo=UTC)
            history.incident(row["id"], 0, service="project1", created_at=created)
    query = "SELECT evidence_id, deployment_id FROM dora_failure_link WHERE method = 'temporal'"
    unbounded = dict(_computed(history, temporal_hours=FOREVER).con.execute(query).fetchall())
    bounded = dict(_computed(history).con.execute(query).fetchall())
    expected = _table(shared, f"{folder}/snapshot_tables/project_incident_deployment_relationships.csv")

    assert {i: pipelines[d] for i, d in unbounded.items()} == {row["id"]: row["deployment_id"] for row in expected}
    assert {pipelines[d] for d in bounded.values()} == {"pipeline2"}
