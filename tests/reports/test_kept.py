"""What was found is kept: versions with reasons, and nothing written where nothing is new."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from controls.definitions import control
from controls.results import EFFECTIVE, EXCEPTION, INEFFECTIVE, PASS, ControlResult, Members, Proof, Verdict
from reports import kept
from reports.period import keep, measure
from tests.reports.small_home import NOW, PERIOD, REPO, at, fortnight, incident, make_home, take
from warehouse import published
from warehouse.published import PUBLISHED

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.home import Home

DURING = datetime(2026, 7, 10, tzinfo=UTC)
CFR = "metric = 'change_failure_rate' AND service = 'all' AND grain"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The fortnight."""
    made = make_home(tmp_path)
    take(made, fortnight(), now=DURING)
    return made


def keep_at(home: Home, now: datetime) -> int:
    """Measure the quarter and keep it."""
    period = home.config.period(PERIOD)
    return keep(home, period, measure(home, period, now=now), now=now)


def ask(home: Home, query: str) -> list[tuple[Any, ...]]:
    """Rows of a question to the warehouse."""
    with home.connection() as con:
        return con.execute(query).fetchall()


def test_a_second_run_with_nothing_new_writes_nothing(home: Home) -> None:
    """Neither values nor facts; how long ago the period ended is no news."""
    assert keep_at(home, NOW) > 0
    before = home.lake.snapshots()

    assert keep_at(home, NOW + timedelta(days=30)) == 0
    assert home.lake.snapshots() == before
    assert ask(home, "SELECT DISTINCT version, reason FROM metric_value") == [(1, "first")]


def test_a_period_that_runs_is_completed(home: Home) -> None:
    """Values of a quarter that was not over get their next version, which says so."""
    keep_at(home, DURING)
    keep_at(home, NOW)
    rows = ask(home, f"SELECT version, reason, status FROM metric_value WHERE {CFR} = 'quarter' ORDER BY version")

    assert rows == [(1, "first", "partial"), (2, "the period was not over", "ok")]


def test_a_closed_period_is_restated_never_rewritten(home: Home) -> None:
    """A second incident that is handed in late changes the rate: both versions stand, with the reason."""
    keep_at(home, NOW)
    late = incident("INC-9", at(4, 640), at(4, 660), {"repo": REPO, "deployment": 5})
    take(home, {"company.incidents": [late]})
    changed = keep_at(home, NOW)
    rows = ask(home, f"SELECT version, numerator, reason FROM metric_value WHERE {CFR} = 'window' ORDER BY version")
    current = ask(home, f"SELECT version FROM metric_value_current WHERE {CFR} = 'window'")

    assert 0 < changed < len(ask(home, "FROM metric_value_current"))
    assert rows == [(1, 1, "first"), (2, 2, "restated: the facts changed")]
    assert current == [(2,)]


def test_every_count_rests_on_the_facts_that_are_kept(home: Home) -> None:
    """For each day: the facts of the numerator and the denominator are as many as the value says."""
    keep_at(home, NOW)
    wrong = ask(
        home,
        """
        SELECT metric, period_start FROM metric_value_current AS v WHERE grain = 'day' AND status <> 'no_source'
            AND (SELECT count(*) FROM metric_evidence AS e
                WHERE e.metric_value_id = v.metric_value_id AND role IN ('sample', 'denominator'))
                <> coalesce(n, 0) + coalesce(open_count, 0)
        """,
    )
    assert wrong == []


def result(*verdicts: Verdict, conclusion: str = EFFECTIVE) -> ControlResult:
    """A result of the first control that comes to mind."""
    members = (Members("merges", tuple(sorted({v.subject for v in verdicts}))),)
    return ControlResult(control("CHG-11"), PERIOD, conclusion, "because", None, members, verdicts)


def verdict(subject: str, found: str) -> Verdict:
    """A verdict with one record as evidence."""
    return Verdict("merges", subject, "A", found, "seen", DURING, (Proof("github.pull_requests", "ab" * 32, 3),))


def keep_result(home: Home, held: ControlResult, now: datetime) -> list[str]:
    """Keep one result of the quarter."""
    with home.connection() as con:
        return kept.keep_results(home.lake, con, home.config.period(PERIOD), [held], now=now)


def test_results_are_kept_when_they_differ(home: Home) -> None:
    """The same again is nothing new; another verdict is a version, and the current view shows it alone."""
    first = result(verdict("x", PASS), verdict("y", PASS))
    second = result(verdict("x", PASS), verdict("y", EXCEPTION), conclusion=INEFFECTIVE)

    assert [keep_result(home, r, NOW) for r in (first, first, second, second)] == [["CHG-11"], [], ["CHG-11"], []]
    assert ask(home, "SELECT version, conclusion, exceptions FROM control_conclusions ORDER BY version") == [
        (1, EFFECTIVE, 0), (2, INEFFECTIVE, 1),
    ]  # fmt: skip
    assert ask(home, "SELECT subject, verdict, evidence[1].record FROM control_verdicts_current ORDER BY subject") == [
        ("x", PASS, 3), ("y", EXCEPTION, 3),
    ]  # fmt: skip
    assert len(ask(home, "FROM control_verdicts")) == 4


def test_a_conclusion_that_comes_back_is_a_version_too(home: Home) -> None:
    """A, B, A: the third differs from the newest, and stands."""
    a, b = result(verdict("x", PASS)), result(verdict("x", EXCEPTION))
    for held in (a, b, replace(a)):
        keep_result(home, held, NOW)

    assert ask(home, "SELECT max(version) FROM control_conclusions_current") == [(3,)]


def test_verdicts_without_their_conclusion_do_not_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that died between the two tables leaves nothing that is shown, and the next one writes both."""

    def dies(lake: Any, table: str, rows: Any) -> None:
        if table == "control_conclusions":
            raise KeyboardInterrupt
        published.append(lake, table, rows)

    monkeypatch.setattr(kept, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        keep_result(home, result(verdict("x", PASS)), NOW)
    monkeypatch.undo()
    assert ask(home, "FROM control_verdicts_current") == []

    keep_result(home, result(verdict("x", PASS)), NOW + timedelta(seconds=1))
    assert len(ask(home, "FROM control_verdicts_current")) == 1


def test_every_kept_table_can_be_asked_before_anything_was_kept(home: Home) -> None:
    """Empty and typed."""
    for table, (columns, _) in PUBLISHED.items():
        assert ask(home, f"SELECT count(*) FROM {table}") == [(0,)]
        assert [row[0] for row in ask(home, f"DESCRIBE {table}")] == list(columns)
