"""Results of a period are read as they were written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controls.definitions import catalogue
from controls.results import EXCEPTION, EXEMPT, Members, Proof, Verdict
from evidence.periods import period
from reports import assessment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

from controls.results import ControlResult


def test_results_come_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every member of a verdict, the one that an exemption covers too: the ledger holds the digest of all of it."""
    control, span = catalogue()["CHG-06"], period("2026Q3", zone="UTC")
    monkeypatch.setattr(assessment, "catalogue", lambda: {control.id: control})
    name = next(iter(control.sheet.populations))
    bare = Verdict(
        name,
        "a",
        "A",
        EXCEPTION,
        "nobody",
        datetime(2026, 7, 2, tzinfo=UTC),
        (Proof("github.deployments", "f" * 64, 3),),
    )
    covered = replace(bare, attribute="E", verdict=EXEMPT, original=EXCEPTION)
    members = tuple(Members(n, ("a",) if n == name else ()) for n in control.sheet.populations)
    result = ControlResult(control, span.name, "INEFFECTIVE", "one exception", None, members, (bare, covered))

    assessment.save(tmp_path, span, [result])

    assert [one.as_json() for one in assessment.load(tmp_path, span)] == [result.as_json()]
