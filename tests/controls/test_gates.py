"""How gaps are told."""

from __future__ import annotations

from datetime import date

import pytest

from controls.gates import Gap, spell

FIRST, SECOND = date(2026, 7, 1), date(2026, 7, 2)


@pytest.mark.parametrize(
    ("gaps", "told"),
    [
        ([], ""),
        ([Gap("a.b", FIRST, "silent")], "a.b of 2026-07-01 (silent)"),
        (
            [Gap("a.b", FIRST, "silent"), Gap("a.b", SECOND, "silent")],
            "a.b of 2 days from 2026-07-01 to 2026-07-02 (silent)",
        ),
        (
            [Gap("a.b", FIRST, "silent"), Gap("a.b", SECOND, "late"), *(Gap(f"c.{n}", FIRST, "late") for n in "defg")],
            "a.b of 2026-07-01 (silent), a.b of 2026-07-02 (late), c.d of 2026-07-01 (late), and 3 more",
        ),
    ],
)
def test_a_stream_and_cause_are_told_once(gaps: list[Gap], told: str) -> None:
    """With their days; more than three causes are counted."""
    assert spell(gaps) == told
