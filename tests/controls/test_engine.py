"""The engine: it checks every answer, gates on completeness, exempts as of the event, and concludes."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from controls import engine
from controls.definitions import Control, Version
from controls.memory import session
from controls.sheet import Attribute, Population, Sheet, Tolerable
from evidence.errors import ConfigError, ControlError
from evidence.periods import period

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from controls.results import ControlResult

QUARTER = period("2024Q1", zone="Europe/Berlin")
FROZEN = datetime(2024, 4, 3, 22, tzinfo=UTC)
COMPLETE: dict[str, list[dict[str, Any]]] = {
    "ev.partition": [
        {"source": stream, "from": "2024-01-01", "to": "2024-04-03", "status": "complete"}
        for stream in ("gh.pr", "inc")
    ]
}
ONE = """
SELECT 'things' AS population, 't' || n AS subject, 'A' AS attribute, {verdict} AS verdict, 'because' AS reason,
    TIMESTAMPTZ '2024-02-01 10:00:00Z' + to_days(CAST(n AS INTEGER)) AS event_time, [] AS evidence{more}
FROM range({number}) AS r(n)
WHERE TIMESTAMPTZ '2024-02-01 10:00:00Z' + to_days(CAST(n AS INTEGER)) >= $period_start
    AND TIMESTAMPTZ '2024-02-01 10:00:00Z' + to_days(CAST(n AS INTEGER)) < $period_end
"""


def sheet(**changes: Any) -> Sheet:
    """A small control's sheet."""
    fields: dict[str, Any] = {
        "id": "CHG-99", "title": "Things are well", "objective": "o", "risk": "r", "domain": "Change", "owner": "n",
        "nature": "n", "frequency": {"control": "daily"}, "key": True,
        "populations": {"things": Population(member="m", key="k", pattern=".*", streams=("gh.pr",))},
        "attributes": {"A": Attribute(text="t", population="things", needs=("inc",))},
        "tolerable": Tolerable(rate=0, text="0"), "severity": "s", "completeness": "c", "mapping": {},
    }  # fmt: skip
    return Sheet(**(fields | changes))


def control(question: str, **changes: Any) -> Control:
    """A control of one version and one question."""
    return Control("CHG-99", (Version(sheet(**changes), {"CHG-99.sql": question}, "digest"),))


def question(number: int, verdict: str = "'PASS'", more: str = "") -> str:
    """A question about `number` things."""
    return ONE.format(number=number, verdict=verdict, more=more)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session in which the streams of the control are complete."""
    held = session(COMPLETE, {}, zone="Europe/Berlin", now=FROZEN)
    yield held
    held.close()


def concluded(con: duckdb.DuckDBPyConnection, held: Control) -> ControlResult:
    """The control's result over the quarter."""
    return engine.test(con, [held], QUARTER, freeze_at=FROZEN)[0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("SELECT 1", r"column population, subject, .* is missing; it returns 1"),
        (question(1, more=", 1 AS colour"), r"column colour is not known; valid are"),
        (question(1, "'FINE'"), r"verdict 'FINE' of t0; valid are PASS, EXCEPTION"),
        (question(1).replace("'A'", "'Z'"), r"attribute Z of population things is not in CHG-99.yaml"),
        (question(1) + "UNION ALL" + question(1), r"CHG-99.A: t0 has more than one verdict"),
        ("SELECT $colour", r"a question names \$colour; valid are \$period"),
        ("SELECT nothing FROM nowhere", r"the question cannot be asked"),
    ],
)
def test_answers_are_checked(con: duckdb.DuckDBPyConnection, asked: str, message: str) -> None:
    """A definition that answers wrongly is broken, whatever it says of the control."""
    with pytest.raises(ControlError, match=message):
        concluded(con, control(asked))


def test_no_member_is_left_out(con: duckdb.DuckDBPyConnection) -> None:
    """A member that one attribute has and another does not is a broken definition."""
    two = {letter: Attribute(text="t", population="things") for letter in "AB"}
    asked = question(2) + "UNION ALL" + question(1).replace("'A'", "'B'")

    with pytest.raises(ControlError, match=r"CHG-99.B: no verdict for t1, a member of things"):
        concluded(con, control(asked, attributes=two))


def test_one_attribute_may_be_asked_of_several_populations(con: duckdb.DuckDBPyConnection) -> None:
    """Its verdicts are counted together, and each population's members are all asked."""
    populations = {
        name: Population(member="m", key="k", pattern=".*", streams=("gh.pr",)) for name in ("things", "others")
    }
    both = {"A": Attribute(text="t", population="things", also=("others",))}
    others = question(1).replace("'things'", "'others'")
    result = concluded(con, control(f"{question(2)} UNION ALL {others}", populations=populations, attributes=both))

    assert {p.name: len(p.subjects) for p in result.populations} == {"things": 2, "others": 1}
    assert sum(result.counts["A"].values()) == 3
    twice = both | {"B": Attribute(text="t", population="things", also=("others",))}
    broken = control(f"{question(2)} UNION ALL {others}", populations=populations, attributes=twice)
    with pytest.raises(ControlError, match=r"CHG-99.B: no verdict for t0, a member of things"):
        concluded(con, broken)


@pytest.mark.parametrize(
    ("asked", "rate", "conclusion"),
    [
        (question(4), 0, "EFFECTIVE"),
        (question(4, "CASE WHEN n = 0 THEN 'EXCEPTION' ELSE 'PASS' END"), 0, "INEFFECTIVE"),
        (question(4, "CASE WHEN n = 0 THEN 'EXCEPTION' ELSE 'PASS' END"), 0.25, "EFFECTIVE_WITH_EXCEPTIONS"),
        (question(4, "CASE WHEN n = 0 THEN 'INDETERMINATE' ELSE 'PASS' END"), 0, "SCOPE_LIMITATION"),
        (question(0), 0, "SCOPE_LIMITATION"),
    ],
)
def test_conclusion_follows_the_verdicts(
    con: duckdb.DuckDBPyConnection, asked: str, rate: float, conclusion: str
) -> None:
    """Exceptions are held against what is tolerable; a missing answer or an unproved zero limits the scope."""
    result = concluded(con, control(asked, tolerable=Tolerable(rate=rate, text="so much")))

    assert result.conclusion == conclusion
    assert sum(result.counts["A"].values()) == len(result.populations[0].subjects)


def test_stated_limitation_limits_the_conclusion(con: duckdb.DuckDBPyConnection) -> None:
    """What the definition says cannot be tested is no ground to call a control effective, and the result names it."""
    limited = {"A": Attribute(text="t", population="things", limitation="no source tells it")}
    result = concluded(con, control(question(2, "'INDETERMINATE'"), attributes=limited))

    assert (result.conclusion, result.why) == ("SCOPE_LIMITATION", "A cannot be tested: no source tells it")
    assert result.counts["A"]["INDETERMINATE"] == 2
    assert result.limitations == {"A": "no source tells it"}


def test_incomplete_day_makes_its_answers_unknown() -> None:
    """Pass and exception of a day whose evidence is missing are INDETERMINATE; what a record shows stands."""
    gap = {"source": "inc", "day": "2024-02-02", "status": "missing"}
    con = session({"ev.partition": [*COMPLETE["ev.partition"], gap]}, {}, zone="Europe/Berlin", now=FROZEN)
    verdict = "CASE WHEN n = 0 THEN 'PASS' ELSE 'EXCEPTION' END"
    unknown = concluded(con, control(question(2, verdict)))
    shown = {"A": Attribute(text="t", population="things", needs=("inc",), presence=True)}
    stands = concluded(con, control(question(2, verdict), attributes=shown))

    assert [v.verdict for v in unknown.members()] == ["PASS", "INDETERMINATE"]
    assert [v.verdict for v in stands.members()] == ["PASS", "EXCEPTION"]
    assert "company.incidents of 2024-02-02 (its partition is missing)" in unknown.verdicts[1].reason


def test_incomplete_day_of_the_population_limits_the_scope() -> None:
    """A day that may hide members is told per attribute, and the control is not concluded on."""
    gap = {"source": "gh.pr", "day": "2024-02-02", "status": "partial"}
    con = session({"ev.partition": [*COMPLETE["ev.partition"], gap]}, {}, zone="Europe/Berlin", now=FROZEN)
    result = concluded(con, control(question(2)))

    about = [(v.subject, v.attribute, v.verdict) for v in result.verdicts if v.about_population]
    assert about == [
        ("population:2024-02-02", "A", "INDETERMINATE"),
        ("population:2024Q1", "*", "INDETERMINATE"),
    ]
    assert result.conclusion == "SCOPE_LIMITATION"


def test_stream_that_nobody_collects_limits_the_scope() -> None:
    """A stream without any statement makes the whole period doubtful, in one line."""
    con = session({}, {}, zone="Europe/Berlin", now=FROZEN)
    result = concluded(con, control(question(0)))

    assert [v.subject for v in result.verdicts] == ["population:2024Q1", "population:2024Q1"]
    assert result.conclusion == "SCOPE_LIMITATION"


def test_empty_population_is_proved_by_a_known_record() -> None:
    """Only with complete days and a known record that the question finds elsewhere is nothing really nothing."""
    known = {"query": "CHG-99", "record_time": "2024-02-01T10:00:00Z", "record": "t0", "found": True}
    con = session({**COMPLETE, "ev.positive_control": [known]}, {}, zone="Europe/Berlin", now=FROZEN)
    later = period("2024-03", zone="Europe/Berlin")
    proved = engine.test(con, [control(question(1))], later, freeze_at=FROZEN)[0]
    con.execute("UPDATE evidence_positive_controls SET record_key = 't9'")
    unproved = engine.test(con, [control(question(1))], later, freeze_at=FROZEN)[0]

    assert (proved.verdicts[-1].verdict, proved.conclusion) == ("NOT_APPLICABLE", "NOT_OPERATED")
    assert (unproved.verdicts[-1].verdict, unproved.conclusion) == ("INDETERMINATE", "SCOPE_LIMITATION")


def test_version_in_force_at_the_event_decides(con: duckdb.DuckDBPyConnection) -> None:
    """Each event is judged by the version of its day."""
    old = Version(sheet(), {"CHG-99.sql": question(3)}, "one")
    new = Version(
        sheet(version=2, effective_from=date(2024, 2, 2)), {"CHG-99.v2.sql": question(3, "'EXCEPTION'")}, "two"
    )
    result = concluded(con, Control("CHG-99", (old, new)))

    assert [v.verdict for v in result.members()] == ["PASS", "EXCEPTION", "EXCEPTION"]


WAIVER = {
    "id": "WV-1", "control": "CHG-99", "attribute": "A", "scope": {"rule": "x"}, "requested_by": "W1",
    "beneficiary": "W1", "approved_by": "W5", "created_at": "2024-01-31T10:00:00Z",
    "valid_from": "2024-01-01T00:00:00Z", "valid_to": "2024-02-02T10:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, ["EXEMPT", "EXCEPTION"]),
        ({"created_at": "2024-02-01T10:00:00Z"}, ["EXCEPTION", "EXCEPTION"]),
        ({"approved_by": "W1"}, ["EXCEPTION", "EXCEPTION"]),
        ({"approved_by": "W2"}, ["EXCEPTION", "EXCEPTION"]),
        ({"attribute": "B"}, ["EXCEPTION", "EXCEPTION"]),
        ({"scope": {"rule": "y"}}, ["EXCEPTION", "EXCEPTION"]),
        ({"scope": {}}, ["EXCEPTION", "EXCEPTION"]),
        ({"requested_by": None}, ["EXCEPTION", "EXCEPTION"]),
        ({"beneficiary": "W5"}, ["EXCEPTION", "EXCEPTION"]),
        ({"valid_to": "2024-02-02T10:00:01Z"}, ["EXEMPT", "EXEMPT"]),
    ],
)
def test_waiver_is_judged_as_of_the_event(changes: dict[str, Any], verdicts: list[str]) -> None:
    """A waiver exempts what it covers while it is valid, if it was there before and approved by the right person."""
    con = session(
        {**COMPLETE, "waiver": [WAIVER | changes]}, {"security_team": ["W5"]}, zone="Europe/Berlin", now=FROZEN
    )
    result = concluded(con, control(question(2, "'EXCEPTION'", more=', \'{"rule": ["x", "z"]}\' AS covers')))

    assert [v.verdict for v in result.members()] == verdicts
    assert ("exempt by waiver WV-1; without it: because" in result.verdicts[0].reason) is (verdicts[0] == "EXEMPT")
    assert result.verdicts[0].as_json().get("original") == ("EXCEPTION" if verdicts[0] == "EXEMPT" else None)
    assert result.conclusion == ("EFFECTIVE" if set(verdicts) == {"EXEMPT"} else "INEFFECTIVE")


def test_waiver_that_was_dated_back_exempts_nothing() -> None:
    """One that was not there when its stream was complete for the day it claims counts from when it was first seen."""
    stated = {"source": "waiver", "from": "2024-01-01", "to": "2024-04-01", "status": "complete"}
    fetch = {"fetch": "later", "at": "2024-04-05T10:00:00Z"}
    records = {**COMPLETE, "waiver": [WAIVER | {"_fetch": "later"}], "ev.fetch": [fetch]}
    asked = control(question(1, "'EXCEPTION'", more=', \'{"rule": "x"}\' AS covers'))

    def verdict(partitions: list[dict[str, Any]]) -> str:
        held = {**records, "ev.partition": [*COMPLETE["ev.partition"], *partitions]}
        con = session(held, {"security_team": ["W5"]}, zone="Europe/Berlin", now=FROZEN)
        return concluded(con, asked).verdicts[0].verdict

    assert verdict([]) == "EXEMPT"
    assert verdict([stated]) == "EXCEPTION"


def test_logged_definition_wins_over_scope_and_default() -> None:
    """A logged definition wins from its day on, for its control; else the scope's value, else the default."""
    logged = {
        "control": "CHG-99",
        "version": "2",
        "effective_from": "2024-02-02T00:00:00Z",
        "parameters": {"P_ROTATE_D": 10},
    }
    con = session({"ev.definition": [logged]}, {"parameters": {"P_ROTATE_D": 60}}, zone="Europe/Berlin", now=FROZEN)

    def value(of: str, parameter: str, at: str) -> Any:
        row = con.execute("SELECT number_at($1, $2, $3::TIMESTAMPTZ)", [of, parameter, at]).fetchone()
        return row and row[0]

    assert value("CHG-99", "P_ROTATE_D", "2024-02-01T23:59:59Z") == 60
    assert value("CHG-99", "P_ROTATE_D", "2024-02-02T00:00:00Z") == 10
    assert value("APD-08", "P_ROTATE_D", "2024-02-02T00:00:00Z") == 60
    assert value("APD-08", "P_GAP", "2024-02-02T00:00:00Z") == 15


def test_scope_knows_its_parameters() -> None:
    """A parameter that the catalogue does not know is named."""
    with pytest.raises(ConfigError, match=r"scope.parameters: P_NOTHING is not known; valid are P_APPROVALS"):
        session({}, {"parameters": {"P_NOTHING": 1}}, zone="UTC", now=FROZEN)


def test_business_days_skip_the_weekend(con: duckdb.DuckDBPyConnection) -> None:
    """Two business days after a Friday evening, in the company's zone, are a Tuesday evening."""
    row = con.execute("SELECT instant_text(business_deadline(TIMESTAMPTZ '2024-03-29 19:30:00Z', 2))").fetchone()

    assert row == ("2024-04-02T18:30:00Z",)  # summer time began in between


def test_json_follows_the_contract(con: duckdb.DuckDBPyConnection) -> None:
    """`test --json` has the agreed keys; a population is committed to by its sorted subjects."""
    printed = concluded(con, control(question(2))).as_json()

    assert {"id", "definition_sha256", "period", "conclusion", "populations", "counts", "verdicts"} <= set(printed)
    assert printed["populations"][0]["rows"] == 2
    assert printed["populations"][0]["sha256"] == hashlib.sha256(b'["t0","t1"]').hexdigest()
    assert printed["verdicts"][0]["event_time"] == "2024-02-01T10:00:00Z"
    assert printed["counts"]["A"]["PASS"] == 2
