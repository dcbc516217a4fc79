"""Charts: accessible, deterministic, and honest about gaps."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from reports.dora.charts import Point, calendar, distribution, step_labels, trend
from reports.dora.definitions import BOUNDS

SVG = "{http://www.w3.org/2000/svg}"
START = date(2026, 3, 2)
COUNTS = {START + timedelta(days=offset): offset % 3 for offset in range(27)}
SPREAD = [0, 0, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0]
POINTS = [Point("W10", 7), Point("W11", 5), Point("W12", None), Point("W13", 0), Point("W14", 2, partial=True)]
CHARTS = {
    "trend": trend("Deployments <all>", POINTS, unit="deployments", target=5),
    "distribution": distribution("Lead time", SPREAD, labels=step_labels(BOUNDS), median=100),
    "no values": distribution("Lead time", [0] * 13, labels=step_labels(BOUNDS)),
    "calendar": calendar("Calendar", COUNTS, start=START, end=START + timedelta(days=28)),
    "no points": trend("Nothing", [], unit="minutes"),
}


@pytest.mark.parametrize("name", list(CHARTS))
def test_a_chart_is_well_formed_and_says_itself_in_words(name: str) -> None:
    """Each chart is XML with a role, a title and a description, and refers to nothing outside."""
    root = ET.fromstring(CHARTS[name])
    title, description = root[0], root[1]

    assert root.get("role") == "img"
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert title.text
    assert description.text
    assert "href" not in CHARTS[name]


def test_a_gap_breaks_the_line_and_zero_does_not() -> None:
    """A period without a value is no point; the words say so."""
    root = ET.fromstring(CHARTS["trend"])

    assert len(root.findall(f"{SVG}polyline")) == 2
    assert len(root.findall(f"{SVG}circle")) == 4
    assert "W12: no value; W13: 0; W14: 2 (partial)" in (root[1].text or "")


def test_the_distribution_says_every_step() -> None:
    """Count and median are in the words, and how many facts each step has; a step is named by what it reaches up to."""
    assert "4 facts, median 100 minutes. ≤5m: 0; " in CHARTS["distribution"]
    assert "≤2h: 2; ≤4h: 1; " in CHARTS["distribution"]
    assert "≤28d: 0; &gt;28d: 0." in CHARTS["distribution"]
    assert "0 facts, no values." in CHARTS["no values"]


def test_the_calendar_leaves_unknown_days_empty() -> None:
    """A day without a count is outlined, a day with zero is filled."""
    root = ET.fromstring(CHARTS["calendar"])
    squares = root.findall(f"{SVG}rect")

    assert len(squares) == 28
    assert [square.get("fill") for square in squares].count("none") == 1
    assert "27 deployments on 18 of 28 days, 2 on the busiest." in CHARTS["calendar"]


def test_the_same_data_give_the_same_bytes() -> None:
    """Nothing of the clock, the locale or an order of hashing gets in."""
    reversed_counts = dict(reversed(COUNTS.items()))

    assert calendar("Calendar", reversed_counts, start=START, end=START + timedelta(days=28)) == CHARTS["calendar"]
