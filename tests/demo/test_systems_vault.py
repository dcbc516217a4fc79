"""The simulated Vault's audit files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from demo.company import simulate
from demo.systems import vault
from demo.systems.known import root_use_id
from demo.systems.stable import nanos_text

if TYPE_CHECKING:
    from pathlib import Path

    from demo.model import Company

_START, _END = date(2026, 7, 1), date(2026, 8, 1)


@pytest.fixture(scope="module")
def company() -> Company:
    """One company for all tests here."""
    return simulate(11, _START, _END)


@pytest.fixture(scope="module")
def folder(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its Vault, written day by day to the end."""
    directory = tmp_path_factory.mktemp("vault")
    system = vault.build(company, directory)
    now = company.start
    while now <= company.end:
        system.advance(now)
        now += timedelta(days=1)
    return directory


def _records(folder: Path) -> list[dict[str, Any]]:
    files = [*sorted(folder.glob("audit.log.*"), key=lambda p: -int(p.suffix[1:])), folder / "audit.log"]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_every_request_but_the_devices_own_test_is_answered_once(folder: Path) -> None:
    """Request and response share an id; only sys/audit/test has no response."""
    types: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for r in _records(folder):
        types[r["request"]["id"]][r["type"]] += 1
    assert Counter(tuple(sorted(c.items())) for c in types.values()) == {
        (("request", 1), ("response", 1)): len(types) - 1,
        (("request", 1),): 1,
    }


def test_lines_stand_in_order_of_time_and_times_have_no_trailing_zeros(folder: Path) -> None:
    """The log is written in the order of the clock, in Go's form of it."""
    texts = [r["time"] for r in _records(folder)]
    assert texts == sorted(
        texts, key=lambda t: t.removesuffix("Z").ljust(30, "0") if "." in t else t[:-1] + "." + "0" * 10
    )
    assert not [t for t in texts if "." in t and t[-2] == "0"]
    assert nanos_text(1_500_000_000_360_893_790) == "2017-07-14T02:40:00.36089379Z"


def test_every_use_of_the_timeline_is_logged_by_both_devices(company: Company, folder: Path) -> None:
    """No fact is lost, and devices differ in nothing but their HMACs."""
    first, second = _records(folder), _records(folder / "second")
    logged = {r["request"]["id"]: r for r in first if r["type"] == "request"}
    for use in company.vault_uses:
        record = logged[use.request_id]
        assert record["request"]["path"] == use.path
        assert record["request"]["operation"] == use.operation
        assert record["auth"].get("entity_id") == use.entity_id
        assert ("root" in record["auth"].get("policies", [])) == ("root" in use.policies)
        assert abs(datetime.fromisoformat(record["time"]) - use.time) < timedelta(seconds=1)
    assert [(r["time"], r["request"]["id"]) for r in first] == [(r["time"], r["request"]["id"]) for r in second]
    assert {r["auth"].get("client_token") for r in first} & {r["auth"].get("client_token") for r in second} == {None}


def test_root_is_used_only_where_the_timeline_says(company: Company, folder: Path) -> None:
    """Background traffic must never look like break-glass; the one use before it is the known record."""
    used = {r["request"]["id"] for r in _records(folder) if "root" in r["auth"].get("policies", [])}
    told = {u.request_id for u in company.vault_uses if "root" in u.policies}
    assert used == told | {root_use_id(company)}


def test_nobody_asks_after_his_account_is_disabled(company: Company, folder: Path) -> None:
    """Planted violations are the only ones: leavers' entities are silent."""
    gone = {p.vault_entity_id: p.terminated_at for p in company.people.values() if p.terminated_at}
    for r in _records(folder):
        until = gone.get(r["auth"].get("entity_id", ""))
        assert until is None or datetime.fromisoformat(r["time"]) < until


def test_every_hour_has_an_entry_that_is_not_root(company: Company, folder: Path) -> None:
    """A zero population can only be proved by a log that never falls silent."""
    hours = {r["time"][:13] for r in _records(folder) if "root" not in r["auth"].get("policies", [])}
    now = company.start
    while now < company.end:
        assert f"{now:%Y-%m-%dT%H}" in hours
        now += timedelta(hours=1)


def test_the_volume_is_that_of_a_small_company(company: Company, folder: Path) -> None:
    """Between 100 and 250 lines a day on average."""
    days = (company.end - company.start).days
    assert 100 < len(_records(folder)) / days < 250


def test_steps_do_not_matter_and_a_second_start_adds_nothing(company: Company, folder: Path, tmp_path: Path) -> None:
    """One leap writes the same files as daily steps, and a clock set back or a restart changes none."""
    system = vault.build(company, tmp_path)
    system.advance(company.end)
    system.advance(company.start)
    again = vault.build(company, tmp_path)
    again.advance(company.end)
    files = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    assert len(files) >= 10
    assert all((folder / f).read_bytes() == (tmp_path / f).read_bytes() for f in files)


def test_nothing_of_the_future_is_written(company: Company, tmp_path: Path) -> None:
    """The files end at the clock."""
    now = datetime(2026, 7, 9, 15, 30, tzinfo=UTC)
    vault.build(company, tmp_path).advance(now)
    times = [datetime.fromisoformat(r["time"]) for r in _records(tmp_path)]
    assert now - timedelta(hours=1) < max(times) <= now


def test_another_companys_log_is_refused(company: Company, tmp_path: Path) -> None:
    """Two companies never mix in one file."""
    vault.build(company, tmp_path).advance(company.end)
    with pytest.raises(ValueError, match="another company"):
        vault.build(simulate(12, _START, _END), tmp_path)
