"""Every control's own cases hold, and between them show each attribute passing and failing."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from controls.cases import played
from controls.definitions import Control, catalogue
from controls.results import EXCEPTION, PASS

# (control, attribute): the verdict that no case can show, and why.
NOT_SHOWN = {
    ("APD-02", "B", PASS): "its population are acts after the termination, of which none is right",
    ("CHG-11", "C", PASS): "no source tells the reviewed plan",
    ("CHG-11", "C", EXCEPTION): "no source tells the reviewed plan",
    ("CHG-11", "E", PASS): "no source tells the plan's changes",
    ("CHG-11", "E", EXCEPTION): "no source tells the plan's changes",
    ("CHG-13", "E", PASS): "the scenarios show it; a company has one ratio a period",
    **{("EVD-06", a, v): "no source tells dispositions" for a in "ACD" for v in (PASS, EXCEPTION)},
    ("EVD-01", "F", EXCEPTION): "questions cut off at the period's bounds",
    ("EVD-01", "G", PASS): "the scenarios show it",
    ("EVD-01", "G", EXCEPTION): "what is not proved is INDETERMINATE",
}


@pytest.mark.parametrize("control", catalogue().values(), ids=lambda control: control.id)
def test_cases_hold(control: Control) -> None:
    """Each case's verdicts come out, attributes balance with their population, subjects match their pattern."""
    result, wrong = played(control)

    assert wrong == []
    sizes = {members.name: len(members.subjects) for members in result.populations}
    for letter, counts in result.counts.items():
        assert sum(counts.values()) == sizes[control.sheet.attributes[letter].population], letter
    for members in result.populations:
        pattern = control.sheet.populations[members.name].pattern
        assert [s for s in members.subjects if not re.fullmatch(pattern, s)] == []


@pytest.mark.parametrize("control", catalogue().values(), ids=lambda control: control.id)
def test_cases_show_both_sides(control: Control) -> None:
    """Each attribute has a case that passes and one that is an exception, or a stated reason why not."""
    shown = defaultdict(set)
    for case in control.sheet.cases:
        for _, letter, verdict in case.expect:
            shown[letter].add(verdict)
    missing = [
        (letter, verdict)
        for letter in control.sheet.attributes
        for verdict in (PASS, EXCEPTION)
        if verdict not in shown[letter] and (control.id, letter, verdict) not in NOT_SHOWN
    ]

    assert missing == []


def test_verdicts_name_their_evidence() -> None:
    """A member's exception names at least one record; every proof is of a known stream."""
    result, _ = played(catalogue()["CHG-01"])

    assert [v.subject for v in result.of(EXCEPTION) if not v.evidence] == []
    assert {proof.stream for v in result.verdicts for proof in v.evidence} <= {
        "company.workers", "github.branch_activity", "github.comparisons", "github.issue_events",
        "github.pull_request_commits", "github.pull_requests", "github.reviews", "github.teams", "git.trees",
    }  # fmt: skip
