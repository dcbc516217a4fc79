"""Small charts as SVG text: deterministic, with a title for those who cannot see them, printable in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Told apart by lightness too, so that a grey print can be read.
STATUS_COLOURS = {"complete": "#cfe3d4", "partial": "#e8a33d", "missing": "#b3261e", "none": "#eeeeee"}
_FEW = 16  # days that can each be named above their column
_WORST_LAST = ("none", "complete", "partial", "missing")
_INK, _QUIET, _ACCENT = "#1f2933", "#7b8794", "#1d4e89"


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


def bars(values: Sequence[tuple[str, float]], *, title: str, unit: str = "") -> Markup:
    """Horizontal bars, one per label, in the order given; the value (not negative) stands behind each."""
    if not values:
        return Markup("<p class='none'>No values.</p>")
    most = max(value for _, value in values) or 1
    parts = []
    for i, (label, value) in enumerate(values):
        y = i * 14
        width = 330 * value / most
        parts.append(f'<text x="0" y="{y + 10}" font-size="8" fill="{_INK}">{escape(label)}</text>')
        parts.append(f'<rect x="150" y="{y + 2}" width="{width:.1f}" height="10" fill="{_ACCENT}"/>')
        parts.append(
            f'<text x="{155 + width:.1f}" y="{y + 10}" font-size="8" fill="{_INK}">'
            f"{_number(value)}{escape(unit)}</text>"
        )
    return _svg(560, len(values) * 14, title, parts)


def line(points: Sequence[tuple[str, float | None]], *, title: str, unit: str = "") -> Markup:
    """A line over labelled points (not negative); a missing value is a break, never a zero.

    First, last and largest are labelled.
    """
    known = [(i, value) for i, (_, value) in enumerate(points) if value is not None]
    if not known:
        return Markup("<p class='none'>No values in this period.</p>")
    most = max(value for _, value in known) or 1
    width, height, bottom = 520, 90, 76
    gap = width / max(len(points) - 1, 1)

    def x(i: int) -> float:
        return 20 + i * gap * 0.93

    def y(value: float) -> float:
        return bottom - 62 * value / most

    parts = [f'<line x1="20" y1="{bottom}" x2="{x(len(points) - 1):.1f}" y2="{bottom}" stroke="{_QUIET}"/>']
    run: list[str] = []
    for i, (_, value) in enumerate([*points, ("", None)]):
        if value is not None:
            run.append(f"{x(i):.1f},{y(value):.1f}")
            parts.append(f'<circle cx="{x(i):.1f}" cy="{y(value):.1f}" r="1.8" fill="{_ACCENT}"/>')
        elif run:
            parts.append(f'<polyline points="{" ".join(run)}" fill="none" stroke="{_ACCENT}" stroke-width="1.2"/>')
            run = []
    peak = max(known, key=lambda pair: pair[1])
    for i, value in sorted({known[0], known[-1], peak}):
        parts.append(
            f'<text x="{x(i):.1f}" y="{y(value) - 4:.1f}" font-size="7" text-anchor="middle" fill="{_INK}">'
            f"{_number(value)}{escape(unit)}</text>"
        )
    for i in range(0, len(points), max(len(points) // 7, 1)):
        label = escape(points[i][0])
        parts.append(
            f'<text x="{x(i):.1f}" y="{bottom + 10}" font-size="7" text-anchor="middle" fill="{_QUIET}">{label}</text>'
        )
    return _svg(width + 20, height, title, sorted(parts, key=lambda part: part.startswith("<text")))


def _badness(status: str) -> int:
    if status not in STATUS_COLOURS:
        raise ValueError(f"status {status!r} has no colour; valid are {', '.join(STATUS_COLOURS)}")
    return _WORST_LAST.index(status)


def _number(value: float) -> str:
    """A number as people read it: `1,234,567`, `0.25`; never with an exponent."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    inner = "".join(parts)
    return Markup(  # noqa: S704 - every text in `parts` was escaped where it was put in
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" font-family="DejaVu Sans">'
        f"<title>{escape(title)}</title>{inner}</svg>"
    )
