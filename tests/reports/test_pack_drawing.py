"""Charts of a pack: well-formed, escaped, deterministic, and never kinder than the data."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pack.drawing import STATUS_COLOURS, calendar, distribution, heat, trend

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>&\"'-01"
NUMBERS = st.floats(0, 1e12) | st.integers(0, 10**12)
LABELS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=10)


def cell(label: str, day: str, status: str) -> dict[str, object]:
    """One cell of a heat map."""
    return {"stream": label, "day": day, "status": status}


def drawn(*cells: dict[str, object]) -> str:
    """The heat map of these cells."""
    return heat(list(cells), row="stream", column="day", status="status", title=HOSTILE)


def point(label: str, value: float | None, partial: bool = False) -> dict[str, object]:
    """One point of a trend."""
    return {"label": label, "value": value, "partial": partial}


def fills(svg: str) -> list[str | None]:
    """The colours of the rectangles, in order."""
    return [rect.get("fill") for rect in ET.fromstring(svg).iter(f"{SVG}rect")]


def texts(svg: str) -> list[str | None]:
    """Every text."""
    return [text.text for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_each_cell_has_its_colour_and_what_is_missing_is_shown() -> None:
    """Days ascend; a stream without a word about a day is drawn as missing, never as complete."""
    svg = drawn(
        cell("b", "2026-07-02", "partial"), cell("a", "2026-07-01", "complete"), cell("b", "2026-07-01", "none")
    )
    colour = STATUS_COLOURS
    assert fills(svg) == [colour["complete"], colour["missing"], colour["none"], colour["partial"]]
    assert "07-01" in texts(svg)


def test_few_days_fill_the_width_and_are_all_named() -> None:
    """Ten days are as readable as a quarter, of which the first and the fifteenth of a month are named."""
    few = drawn(*(cell("a", f"2026-07-{day:02}", "complete") for day in range(2, 12)))
    many = drawn(*(cell("a", f"2026-{month:02}-{day:02}", "complete") for month in (7, 8) for day in range(1, 29)))
    assert set(texts(few)) == {"a", *(f"07-{day:02}" for day in range(2, 12))}
    assert set(texts(many)) == {"a", "07-01", "07-15", "08-01", "08-15"}
    wide = [float(ET.fromstring(svg).get("width", "0")) for svg in (few, many)]
    assert min(wide) > 0.8 * max(wide)


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_words_about_a_cell_the_worst_is_drawn(order: int) -> None:
    """Whatever their order: nothing is hidden by what comes later."""
    cells = [cell("a", "2026-07-01", status) for status in ("complete", "partial", "none")][::order]
    assert fills(drawn(*cells)) == [STATUS_COLOURS["partial"]]


def test_an_unknown_status_is_refused() -> None:
    """With those that have a colour."""
    with pytest.raises(ValueError, match="status 'green' has no colour; valid are complete, partial, missing, none"):
        drawn(cell("a", "2026-07-01", "green"))


def test_colours_differ_in_grey() -> None:
    """A print without colours still tells the statuses apart."""

    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    values = sorted(lightness(colour) for colour in STATUS_COLOURS.values())
    assert all(b - a > 12 for a, b in itertools.pairwise(values))


def test_every_text_is_escaped() -> None:
    """A label that a system of record made up is shown, in every chart, and never becomes markup."""
    for svg in (
        drawn(cell(HOSTILE, HOSTILE, "complete")),
        trend(HOSTILE, [point(HOSTILE, 1)], unit=HOSTILE, target=1),
        distribution(HOSTILE + HOSTILE[5:], [1] * 13, median=2),
        calendar(HOSTILE, [{"day": date(2026, 7, 1), "count": 1}], unit=HOSTILE),
    ):
        root = ET.fromstring(svg)
        assert str(root.findtext(f"{SVG}title")).startswith(HOSTILE)
        assert root.get("role") == "img"
        assert HOSTILE[5:] in "".join(root.itertext())
        assert "<script" not in svg


def test_nothing_to_draw_is_said_in_words() -> None:
    """An empty chart would look like a chart of zeros."""
    assert "Nothing was collected" in drawn()
    assert "no values" in distribution("x", [0] * 13, median=None)


@given(
    st.lists(st.tuples(LABELS, st.none() | NUMBERS, st.booleans()), max_size=40),
    st.lists(st.integers(0, 10**9), min_size=13, max_size=13),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=100),
)
def test_charts_are_well_formed_and_stay_inside(
    points: list[tuple[str, float | None, bool]], steps: list[int], days: list[int]
) -> None:
    """Any label and number gives XML without a coordinate outside the picture, and the same bytes each time."""
    counts = [{"day": date(2026, 1, 1) + timedelta(days=i), "count": count} for i, count in enumerate(days)]

    def charts() -> list[str]:
        return [
            trend("t", [point(*given) for given in points], unit="u", target=3),
            distribution("t", steps, median=1.5),
            calendar("t", counts, unit="u"),
        ]

    assert charts() == charts()
    for svg in charts():
        root = ET.fromstring(svg)
        _, _, width, height = (float(n) for n in str(root.get("viewBox")).split())
        for mark in [*root.iter(f"{SVG}rect"), *root.iter(f"{SVG}circle")]:
            x = float(mark.get("x") or mark.get("cx") or "nan") + float(mark.get("width") or 0)
            y = float(mark.get("y") or mark.get("cy") or "nan") + float(mark.get("height") or 0)
            assert 0 <= x <= width
            assert 0 <= y <= height
        drawing = re.sub(r"<(text|title|desc).*?</\1>", "", svg)
        assert not re.search(r"nan|inf|\de[+-]?\d", drawing)
