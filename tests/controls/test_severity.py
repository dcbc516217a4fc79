"""Severity is proposed, alone and together; a named person decides, about just what was proposed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from controls.definitions import Control, Version
from controls.results import EXCEPTION, INEFFECTIVE, PASS, ControlResult, Members, Verdict
from controls.severity import Proposal, decide, decisions, proposals
from controls.sheet import Attribute, Population, Sheet, Tolerable
from evidence.errors import ControlError
from evidence.ledger.statements import CodeIdentity

Severity = Literal["deficiency", "significant deficiency", "material weakness indicator"]
Domain = Literal["Access", "Change"]

NOW = datetime(2024, 4, 4, tzinfo=UTC)
CODE = CodeIdentity("1" * 40, tree_clean=True, lock_sha256="ab" * 32)


def result(
    name: str, *subjects: str, pattern: str, severity: Severity = "deficiency", domain: Domain = "Change"
) -> ControlResult:
    """A result in which every subject but the last is an exception."""
    sheet = Sheet(
        id=name, title="t", objective="o", risk="r", domain=domain, owner="n", nature="n",
        frequency={"control": "daily"}, key=True,
        populations={"things": Population(member="m", key="k", pattern=pattern, streams=())},
        attributes={"A": Attribute(text="t", population="things", severity=severity)},
        tolerable=Tolerable(rate=0, text="0"), severity="guidance", completeness="c", mapping={},
    )  # fmt: skip
    verdicts = tuple(
        Verdict("things", subject, "A", PASS if subject == subjects[-1] else EXCEPTION, "because", NOW, ())
        for subject in subjects
    )
    control = Control(name, (Version(sheet, {}, "digest"),))
    return ControlResult(control, "2024Q1", INEFFECTIVE, "why", None, (Members("things", subjects),), verdicts)


REPO = r"(?P<repo>[\w/]+)#\d+"
PERSON = r"(?P<person>W\d+):(?P<repo>[\w/]+)"


def found(*results: ControlResult) -> dict[tuple[str, str], str]:
    """What is proposed, by group."""
    return {(p.grouped_by, p.group): p.severity for p in proposals(results)}


def test_one_control_proposes_what_its_attributes_say() -> None:
    """A control with exceptions has a proposal of its own, one without has none, and nothing is put together."""
    one = result("CHG-98", "a/b#1", "a/b#2", pattern=REPO)

    assert found(one, result("CHG-99", "a/b#3", pattern=REPO)) == {("control", "CHG-98"): "deficiency"}


def test_what_meets_is_graver_together() -> None:
    """Two controls that meet in a system, a person or a domain propose one step more, never beyond the gravest."""
    one = result("CHG-97", "W1:a/b", "W2:a/c", "W9:x/y", pattern=PERSON)
    two = result("CHG-98", "a/b#1", "z/z#9", pattern=REPO, severity="significant deficiency")
    three = result(
        "APD-99", "W1:a/d", "W9:x/y", pattern=PERSON, severity="material weakness indicator", domain="Access"
    )

    assert found(one, two, three) == {
        ("control", "CHG-97"): "deficiency",
        ("control", "CHG-98"): "significant deficiency",
        ("control", "APD-99"): "material weakness indicator",
        ("domain", "Change"): "material weakness indicator",
        ("system", "a/b"): "material weakness indicator",
        ("person", "W1"): "material weakness indicator",
    }


def stated(proposal: Proposal, decided: str, **changes: Any) -> Any:
    """A decision as the ledger holds it."""
    return json.loads(decide(proposal, decided, **({"by": "W5", "reason": "looked at"} | changes)).encode(NOW, CODE))


def test_decision_stands_beside_its_proposal_only() -> None:
    """The last decision about just these exceptions counts; one about others is stale."""
    before = proposals([result("CHG-98", "a/b#1", "a/b#2", pattern=REPO)])
    after = proposals([result("CHG-98", "a/b#1", "a/b#3", "a/b#2", pattern=REPO)])
    ledger = [stated(before[0], "deficiency"), stated(before[0], "no deficiency", by="W6")]

    ((proposal, decision),) = decisions(before, ledger)
    assert decision is not None
    assert (proposal.severity, decision["decided"], decision["by"]) == ("deficiency", "no deficiency", "W6")
    assert decisions(after, ledger) == [(after[0], None)]


def test_decisions_name_a_person_and_a_reason() -> None:
    """No decision without person or reason, of an unknown word, or about oneself."""
    meeting = [result(name, "W1:a/b", "W9:x/y", pattern=PERSON) for name in ("CHG-97", "CHG-98")]
    own = next(p for p in proposals(meeting) if p.grouped_by == "person")

    with pytest.raises(ControlError, match=r"severity 'fine' is not known; valid are no deficiency, deficiency"):
        stated(own, "fine")
    with pytest.raises(ControlError, match=r"needs a person and a reason"):
        stated(own, "deficiency", reason=" ")
    with pytest.raises(ControlError, match=r"W1 cannot decide about exceptions of W1"):
        stated(own, "deficiency", by="W1")
