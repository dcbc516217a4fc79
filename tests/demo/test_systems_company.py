"""The simulated company's file drops."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from demo.company import simulate
from demo.systems import company as drops

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from demo.model import Company

_START, _END = date(2026, 7, 1), date(2026, 10, 1)


@pytest.fixture(scope="module")
def company() -> Company:
    """One company for all tests here."""
    return simulate(5, _START, _END)


def _rows(folder: Path, stream: str) -> list[dict[str, Any]]:
    (path,) = folder.glob(f"{stream}.*")
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".json":
        return list(json.loads(path.read_text()))
    return [json.loads(line) for line in path.read_text().splitlines()]


def _at(company: Company, folder: Path, now: datetime) -> Path:
    drops.build(company, folder).advance(now)
    return folder


def test_a_termination_appears_when_it_is_recorded(company: Company, tmp_path: Path) -> None:
    """HR knows a leaver before the last day: still active, with the date set."""
    leaver = next(p for p in company.people.values() if p.terminated_at)
    assert leaver.terminated_at is not None
    assert leaver.termination_recorded_at is not None
    told = []
    system = drops.build(company, tmp_path)
    for now in (
        leaver.termination_recorded_at - timedelta(seconds=1),
        leaver.termination_recorded_at,
        leaver.terminated_at,
    ):
        system.advance(now)
        row = next(r for r in _rows(tmp_path, "company.workers") if r["worker_id"] == leaver.worker_id)
        told.append((row["status"], bool(row["termination_ts"])))
    assert told == [("active", False), ("active", True), ("terminated", True)]


def test_all_facts_are_told_in_the_end(company: Company, tmp_path: Path) -> None:
    """Every ticket, review, incident, waiver, freeze and idp event of the timeline reaches its register."""
    _at(company, tmp_path, company.end + timedelta(days=30))
    for stream, key, expected in (
        ("company.workers", "worker_id", set(company.people)),
        ("company.tickets", "key", {t.key for t in company.tickets}),
        ("company.incidents", "id", {i.id for i in company.incidents}),
        ("company.postmortems", "incident", {p.incident for p in company.postmortems}),
        ("company.break_glass_reviews", "ticket", {r.ticket for r in company.break_glass_reviews}),
        ("company.retrospective_reviews", "change", {r.change for r in company.retrospective_reviews}),
        ("company.waivers", "id", {w.id for w in company.waivers}),
        ("company.freezes", "id", {f.id for f in company.freezes}),
        ("company.on_call", "user", {t.worker_id for t in company.on_call}),
        ("identity.links", "account_key", {link.account_key for link in company.account_links}),
        ("identity.non_human", "id", set(company.bots)),
        ("idp.events", "user", {e.user for e in company.idp_events}),
    ):
        assert {r[key] for r in _rows(tmp_path, stream)} == expected, stream


def test_nothing_is_known_too_early(company: Company, tmp_path: Path) -> None:
    """An open incident has no end and no cause; a review is absent until it is written."""
    incident = company.incidents[0]
    _at(company, tmp_path, incident.acknowledged_at)
    (row,) = [r for r in _rows(tmp_path, "company.incidents") if r["id"] == incident.id]
    assert row["acknowledged_at"]
    assert row["resolved_at"] is row["mitigated_at"] is row["cause"] is row["linked_change"] is None
    told = {r["ticket"] for r in _rows(tmp_path, "company.break_glass_reviews")}
    assert told == {r.ticket for r in company.break_glass_reviews if r.reviewed_at <= incident.acknowledged_at}


def test_only_files_that_changed_are_written_anew(company: Company, tmp_path: Path) -> None:
    """A register that says the same keeps its file untouched, over a restart too."""
    _at(company, tmp_path, company.start)
    before = {p.name: p.stat().st_ino for p in tmp_path.iterdir()}
    _at(company, tmp_path, company.start + timedelta(minutes=1))
    assert {p.name: p.stat().st_ino for p in tmp_path.iterdir()} == before


def test_files_follow_from_the_seed_and_the_clock_alone(company: Company, tmp_path: Path) -> None:
    """Daily steps and one leap end in the same files, in the same bytes."""
    leap, steps = tmp_path / "leap", tmp_path / "steps"
    leap.mkdir()
    steps.mkdir()
    end = company.start + timedelta(days=40)
    system = drops.build(company, steps)
    for day in range(41):
        system.advance(company.start + timedelta(days=day))
    _at(simulate(5, _START, _END), leap, end)
    assert {p.name: p.read_bytes() for p in leap.iterdir()} == {p.name: p.read_bytes() for p in steps.iterdir()}


def test_monitoring_reports_each_day_that_is_over(company: Company, tmp_path: Path) -> None:
    """Heartbeats, clocks and positive controls of every local day, complete and within the tolerance."""
    _at(company, tmp_path, company.start + timedelta(days=3, hours=5))
    names = sorted(p.name for p in tmp_path.glob("evidence.heartbeats.*"))
    assert names == [f"evidence.heartbeats.2026-07-0{n}.jsonl" for n in (1, 2, 3)]
    for row in _rows(tmp_path, "evidence.heartbeats.2026-07-02"):
        assert row["expected_hours"] == row["present_hours"] == 24
        assert row["missing"] == []
    assert all(abs(r["offset_s"]) < 120 for r in _rows(tmp_path, "evidence.clocks.2026-07-02"))
    assert {r["query"] for r in _rows(tmp_path, "evidence.positive_controls.2026-07-02")} == {"APD-09", "APD-12"}


def test_the_access_review_is_independent_and_on_one_listing(company: Company, tmp_path: Path) -> None:
    """Nobody decides on himself, and every line of a campaign names the same frozen listing."""
    rows = _rows(_at(company, tmp_path, company.end), "company.access_reviews")
    assert {r["system"] for r in rows} == {"github", "vault", "kubernetes"}
    assert not [r for r in rows if r["decided_by"] == r["principal"] or not r["decided_at"]]
    assert len({(r["campaign_id"], r["listing_hash"]) for r in rows}) == 3
