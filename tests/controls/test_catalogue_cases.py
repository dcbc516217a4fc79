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
    ("APD-05", "E", EXCEPTION): "a reviewer who is flagged is a note, no exception",
    ("APD-10", "D", EXCEPTION): "it says how the others are tested",
    ("APD-10", "E", PASS): "tested per deployment by CHG-07",
    ("APD-10", "E", EXCEPTION): "tested per deployment by CHG-07",
    ("CHG-04", "C", EXCEPTION): "a success by a second run counts",
    ("CHG-07", "D", EXCEPTION): "an unknown person behind a machine is INDETERMINATE",
    ("CHG-09", "E", EXCEPTION): "whatever runs is a member",
    ("CHG-13", "E", PASS): "the scenarios show it; a company has one ratio a period",
    ("EVD-01", "F", EXCEPTION): "questions cut off at the period's bounds",
    ("EVD-01", "G", PASS): "the scenarios show it",
    ("EVD-01", "G", EXCEPTION): "what is not proved is INDETERMINATE",
    ("CHG-10", "B", EXCEPTION): "A is the exception where no way holds",
    ("CHG-10", "C", EXCEPTION): "A is the exception where no way holds",
    ("EVD-06", "A", PASS): "no source tells dispositions",
    ("EVD-06", "A", EXCEPTION): "no source tells dispositions",
    ("OPS-05", "B", EXCEPTION): "a missed target is no exception",
    ("OPS-06", "C", EXCEPTION): "a company has one review a quarter",
    ("OPS-07", "B", EXCEPTION): "a missed target is no exception",
    ("SEC-01", "C", EXCEPTION): "what lacks a waiver is an exception of A or B",
    ("SEC-02", "C", EXCEPTION): "a waiver that is not valid is not relied on",
}


@pytest.mark.parametrize("control", catalogue().values(), ids=lambda control: control.id)
def test_cases_hold(control: Control) -> None:
    """Each case's verdicts come out, attributes balance with their population, subjects match their pattern."""
    result, wrong = played(control)

    assert wrong == []
    sizes = {members.name: len(members.subjects) for members in result.populations}
    for letter, counts in result.counts.items():
        assert sum(counts.values()) == sum(sizes[p] for p in control.sheet.attributes[letter].populations), letter
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
        for letter, attribute in control.sheet.attributes.items()
        if not attribute.limitation
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
