"""The charts of the pack as SVG text: deterministic, with a title for those who cannot see them, printable in grey.

Those of the delivery metrics are drawn by reports.dora.charts, for the pack as for every other place.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from reports.dora import charts
from reports.dora.charts import Point
from reports.dora.definitions import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Told apart by lightness too, so that a grey print can be read.
STATUS_COLOURS = {"complete": "#cfe3d4", "partial": "#e8a33d", "missing": "#b3261e", "none": "#eeeeee"}
_FEW = 16  # days that can each be named above their column
_WORST_LAST = ("none", "complete", "partial", "missing")
_INK, _QUIET = "#1f2933", "#7b8794"


def heat(rows: Sequence[Mapping[str, object]], *, row: str, column: str, status: str, title: str) -> Markup:
    """Streams x days as coloured cells.

    Args:
        rows: one mapping per cell.
        row: key of the row's label.
        column: key of the column's label; columns are drawn in ascending order.
        status: key of the cell's status, one of `STATUS_COLOURS`; of several for one cell the worst is drawn.
        title: what a reader who cannot see it is told.

    Raises:
        ValueError: a status that is none.
    """
    labels = sorted({str(r[row]) for r in rows})
    days = sorted({str(r[column]) for r in rows})
    if not labels:
        return Markup("<p class='none'>Nothing was collected in this period.</p>")
    cells: dict[tuple[str, str], str] = {}
    for r in rows:
        cell = (str(r[row]), str(r[column]))
        cells[cell] = max(cells.get(cell, "none"), str(r[status]), key=_badness)
    step, left, top, height = min(40.0, 520 / len(days)), 190, 14, 9  # few days fill the page's width too
    every = len(days) <= _FEW
    parts = [
        f'<text x="{left + i * step:.1f}" y="9" font-size="6" fill="{_QUIET}">{escape(day[5:])}</text>'
        for i, day in enumerate(days)
        if every or day.endswith(("-01", "-15"))
    ]
    for line, label in enumerate(labels):
        y = top + line * height
        parts.append(f'<text x="0" y="{y + 7}" font-size="7.5" fill="{_INK}">{escape(label)}</text>')
        for i, day in enumerate(days):
            colour = STATUS_COLOURS[cells.get((label, day), "missing")]
            parts.append(
                f'<rect x="{left + i * step:.1f}" y="{y}" width="{step - 0.5:.1f}" height="{height - 1}"'
                f' fill="{colour}"/>'
            )
    return _svg(left + len(days) * step, top + len(labels) * height, title, parts)


def trend(title: str, points: Sequence[Mapping[str, Any]], *, unit: str, target: float | None) -> Markup:
    """A line by period; `points` are mappings of label, value and partial, see reports.dora.charts."""
    drawn = charts.trend(title, [Point(**point) for point in points], unit=unit, target=target)
    return Markup(drawn)  # noqa: S704 - every text in it was escaped


def distribution(title: str, counts: Sequence[int], *, median: float | None) -> Markup:
    """The histogram of a metric's facts in minutes."""
    labels = charts.step_labels(BOUNDS)
    return Markup(charts.distribution(title, counts, labels=labels, median=median))  # noqa: S704 - as above


def calendar(title: str, days: Sequence[Mapping[str, Any]], *, unit: str) -> Markup:
    """A square per day, from the first of `days` (mappings of day and count) to the last."""
    counts = {one["day"]: one["count"] for one in days}
    start, end = min(counts), max(counts) + timedelta(days=1)
    return Markup(charts.calendar(title, counts, start=start, end=end, unit=unit))  # noqa: S704 - as above


def _badness(status: str) -> int:
    if status not in STATUS_COLOURS:
        raise ValueError(f"status {status!r} has no colour; valid are {', '.join(STATUS_COLOURS)}")
    return _WORST_LAST.index(status)


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    inner = "".join(parts)
    return Markup(  # noqa: S704 - every text in `parts` was escaped where it was put in
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" font-family="DejaVu Sans">'
        f"<title>{escape(title)}</title>{inner}</svg>"
    )
