"""The simulated company: deterministic, of the promised size, consistent from system to system."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.company import simulate

if TYPE_CHECKING:
    from demo.model import Company

START, END = date(2026, 7, 1), date(2026, 10, 1)
ROOT = Path(__file__).resolve().parents[2]


def _fingerprint(company: Company) -> str:
    return hashlib.sha256(repr(company).encode()).hexdigest()


@pytest.fixture(scope="module")
def company() -> Company:
    """The default quarter of one seed."""
    return simulate(7, START, END)


def test_the_same_seed_gives_the_same_company(company: Company) -> None:
    """Determinism: two simulations of one seed are equal, of two seeds are not."""
    assert _fingerprint(simulate(7, START, END)) == _fingerprint(company)
    assert _fingerprint(simulate(8, START, END)) != _fingerprint(company)


def test_the_hash_seed_of_the_process_changes_nothing(company: Company) -> None:
    """Determinism across processes with other string hashes."""
    program = (
        "import hashlib; from datetime import date; from demo.company import simulate;"
        "print(hashlib.sha256(repr(simulate(7, date(2026, 7, 1), date(2026, 10, 1))).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {_fingerprint(company)}


def test_a_quarter_is_told_in_time() -> None:
    """92 days take less than three seconds."""
    begun = time.perf_counter()
    simulate(3, START, END)
    assert time.perf_counter() - begun < 3


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_quarter_has_the_promised_volume(seed: int) -> None:
    """About 200 merged and 20 unmerged pull requests, 120 production deployments, 8 incidents, 15 applications."""
    c = simulate(seed, START, END)
    merged = [p for p in c.pull_requests if p.merged_at and p.merged_at >= c.start]
    assert 150 <= len(merged) <= 260
    assert 12 <= sum(1 for p in c.pull_requests if p.merged_at is None) <= 50
    assert 90 <= sum(1 for d in c.deployments if d.environment == "production") <= 170
    assert 6 <= len(c.incidents) <= 12
    assert 8 <= len({v.run_id for v in c.terraform_versions} - {None}) <= 30
    assert len({(t.kind, t.item) for t in c.truth}) >= 20
    assert {"squash", "merge"} == {p.merge_method for p in merged}


@pytest.mark.parametrize("length", [1, 2, 5, 7, 14, 40, 200])
def test_any_length_of_period_can_be_told(length: int) -> None:
    """Short periods have fewer stories, not an error; nothing opens after the end."""
    c = simulate(5, START, START + timedelta(days=length))
    assert all(p.created_at < c.end for p in c.pull_requests)


def test_ids_are_unique(company: Company) -> None:
    """No two facts of a kind share an id."""
    for ids in (
        [e.document_id for e in company.audit_events],
        [p.id for p in company.pull_requests],
        [(p.repo, p.number) for p in company.pull_requests],
        [r.id for r in company.reviews],
        [a.id for a in company.activities],
        [r.id for r in company.runs],
        [j.id for r in company.runs for a in r.attempts for j in a.jobs],
        [d.id for d in company.deployments],
        [s.id for d in company.deployments for s in d.statuses],
        [v.version_id for v in company.terraform_versions],
        [t.key for t in company.tickets],
        [i.id for i in company.incidents],
        [(t.control, t.population, t.attribute, t.item) for t in company.truth],
    ):
        assert not [x for x, n in Counter(ids).items() if n > 1]


def test_every_branch_has_an_unbroken_chain(company: Company) -> None:
    """Each update begins where the one before ended, on protected and on feature branches."""
    last: dict[tuple[str, str], str] = {}
    for update in company.activities:
        before = last.get((update.repo, update.ref))
        if before is None:
            initial = company.repositories[update.repo].initial_sha
            assert update.before in {initial, "0" * 40}
        else:
            assert update.before == before
        last[update.repo, update.ref] = update.after


def test_deployments_agree_with_jobs_runs_and_rollouts(company: Company) -> None:
    """Every deployment was made by a job of its run attempt, and every one has its rollout on the cluster."""
    runs = {r.id: r for r in company.runs}
    rollouts = {r.deployment_id: r for r in company.rollouts}
    assert set(rollouts) == {d.id for d in company.deployments}
    for d in company.deployments:
        attempt = runs[d.run_id].attempts[d.run_attempt - 1]
        job = next(j for j in attempt.jobs if j.environment == d.environment)
        assert job.started_at <= d.created_at <= job.completed_at
        assert (d.succeeded_at is not None) == (job.conclusion == "success") == rollouts[d.id].succeeded
        assert d.sha == runs[d.run_id].head_sha == rollouts[d.id].sha


def test_what_is_deployed_was_merged_and_tested_before(company: Company) -> None:
    """Every deployed SHA is the merge commit of an earlier merge whose checks had passed on the main branch."""
    merged = {(p.repo, p.merge_commit_sha): p for p in company.pull_requests if p.merged_at}
    checked: dict[tuple[str, str], list[object]] = defaultdict(list)
    for r in company.runs:
        if r.name == "CI" and r.event == "push":
            checked[r.repo, r.head_sha].append(r.attempts[-1].completed_at)
    for d in company.deployments:
        pull = merged[d.repo, d.sha]
        assert pull.merged_at is not None
        assert pull.merged_at < d.created_at
        assert all(at < d.created_at for at in checked[d.repo, d.sha])  # type: ignore[operator]


def test_truth_items_are_written_as_the_subjects_table_says(company: Company, shared: Path) -> None:
    """Every item matches in full the expression of its control and population, and its attribute is asked there."""
    text = (shared / "scenarios" / "SUBJECTS.md").read_text(encoding="utf-8")
    table: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for line in text.splitlines():
        if re.match(r"\| [A-Z]{3}-\d\d \|", line):
            cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            table[cells[0], cells[1]].append((cells[4], cells[5].strip("`").replace("\\|", "|")))
    for t in company.truth:
        rows = table[t.control, t.population]
        assert any(re.fullmatch(pattern, t.item) and t.attribute in letters.split() for letters, pattern in rows), t
        assert t.verdict == "EXCEPTION"


def test_truth_names_what_exists(company: Company) -> None:
    """Items name pull requests, attempts, versions and records that the company has."""
    pulls = {f"{p.repo}#{p.number}" for p in company.pull_requests if p.merged_at}
    attempts = {f"{r.repo}:{r.id}/{a.number}:production" for r in company.runs for a in r.attempts}
    versions = {f"{v.bucket}/{v.key}:{v.version_id}" for v in company.terraform_versions}
    records = {f"github.audit_log:{e.document_id}" for e in company.audit_events}
    records |= {f"vault.audit:{u.request_id}" for u in company.vault_uses}
    records |= {f"kubernetes.audit:{x.audit_id}" for x in company.kube_execs}
    known = {"CHG-01": pulls, "CHG-06": attempts, "CHG-11": versions, "APD-09": records, "APD-12": records}
    for t in company.truth:
        assert t.control not in known or t.item in known[t.control], t
