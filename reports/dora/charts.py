"""Charts as SVG text: a trend, a distribution, a calendar.

- Pure functions of their arguments: the same data give the same bytes, on paper and on screen.
- Accessible: a title and a description that says the data in words; colour never carries meaning alone.
- A gap is a gap: a period without a value breaks the line and is never drawn as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 160, 56, 34, 20, 12
INK, GRID, LINE, FAINT = "#1b1f24", "#d8dee4", "#0b5cad", "#8fb8de"
SHADES = ("#eef2f5", "#c6dbef", "#7fb2dd", "#3a7fbf", "#0b4a8f")  # none, then rising quarters of the maximum
WEEKDAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")


@dataclass(frozen=True, slots=True)
class Point:
    """One period of a trend; `value` None is a gap, `partial` is drawn hollow."""

    label: str
    value: float | None
    partial: bool = False


def trend(title: str, points: Sequence[Point], *, unit: str, target: float | None = None) -> str:
    """A line by period, with a dashed target if there is one."""
    values = [point.value for point in points if point.value is not None]
    top = _ceiling([*values, *([] if target is None else [target])])
    step = (WIDTH - LEFT - RIGHT) / max(len(points), 1)
    places = [(LEFT + step * (index + 0.5), point) for index, point in enumerate(points)]
    parts = _axes(top, unit)
    parts += [f'<polyline fill="none" stroke="{LINE}" stroke-width="2" points="{run}"/>' for run in _runs(places, top)]
    for x, point in places:
        if point.value is not None:
            fill = "#ffffff" if point.partial else LINE
            parts.append(f'<circle cx="{x:.1f}" cy="{_y(point.value, top):.1f}" r="3" fill="{fill}" stroke="{LINE}"/>')
    if target is not None:
        y = _y(target, top)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{INK}" stroke-dasharray="5 4"/>')
        parts.append(_text(WIDTH - RIGHT, y - 4, f"target {_number(target)}", "end"))
    every = max(1, ceil(len(points) / 8))
    parts += [_text(x, HEIGHT - 14, point.label, "middle") for x, point in places[::every]]
    said = "; ".join(
        f"{p.label}: {'no value' if p.value is None else _number(p.value)}{' (partial)' if p.partial else ''}"
        for p in points
    )
    return _svg(title, f"{unit} by period. {said or 'No periods'}.", parts, HEIGHT)


def distribution(
    title: str, counts: Sequence[int], *, labels: Sequence[str], median: float | None = None, unit: str = "minutes"
) -> str:
    """A bar per step of a histogram, in the order given; the median is said in words, since steps are no scale.

    Args:
        title: what is counted.
        counts: facts per step.
        labels: what each step reaches up to.
        median: of the facts, in `unit`; None of none.
        unit: of the median.
    """
    top = _ceiling([float(count) for count in counts])
    width = (WIDTH - LEFT - RIGHT) / max(len(counts), 1)
    parts = _axes(top, "facts")
    for index, (count, label) in enumerate(zip(counts, labels, strict=True)):
        x, y = LEFT + index * width, _y(count, top)
        parts.append(
            f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{width - 4:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
            f' fill="{FAINT}" stroke="{LINE}"/>'
        )
        if count:
            parts.append(_text(x + width / 2, y - 3, str(count), "middle"))
        parts.append(_text(x + width / 2, HEIGHT - 18, label, "middle"))
    middle = "no values" if median is None else f"median {_number(median)} {unit}"
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 3, middle, "end"))
    steps = "; ".join(f"{label}: {count}" for label, count in zip(labels, counts, strict=True))
    return _svg(title, f"{sum(counts)} facts, {middle}. {steps}.", parts, HEIGHT)


def step_labels(bounds: Sequence[float]) -> list[str]:
    """Names of the steps of a histogram whose bounds are minutes: `≤5m` … and what is above the last."""
    names = []
    for bound in bounds:
        size, unit = next((s, u) for s, u in ((1440, "d"), (60, "h"), (1, "m")) if bound >= s)
        names.append(f"{_number(bound / size)}{unit}")
    return [f"≤{name}" for name in names] + [f">{names[-1]}"]


def calendar(title: str, counts: Mapping[date, int], *, start: date, end: date, unit: str = "deployments") -> str:
    """A square per day of [start, end), a column per ISO week; a day that `counts` lacks is left out as unknown."""
    first = start - timedelta(days=start.weekday())
    weeks = ((end - timedelta(days=1)) - first).days // 7 + 1
    size = min(16.0, (WIDTH - LEFT - RIGHT) / weeks)
    most = max(counts.values(), default=0)
    parts = [_text(LEFT - 6, TOP + (row + 0.75) * size, name, "end") for row, name in enumerate(WEEKDAYS) if name]
    for offset in range((end - start).days):
        day = start + timedelta(days=offset)
        x, y = LEFT + (day - first).days // 7 * size, TOP + day.weekday() * size
        square = f'<rect x="{x:.1f}" y="{y:.1f}" width="{size - 2:.1f}" height="{size - 2:.1f}"'
        if day not in counts:
            parts.append(f'{square} fill="none" stroke="{GRID}"/>')
            continue
        shade = SHADES[ceil(counts[day] / most * (len(SHADES) - 1)) if most else 0]
        parts.append(f'{square} fill="{shade}"><title>{day.isoformat()}: {counts[day]} {escape(unit)}</title></rect>')
        if day.day <= len(WEEKDAYS) and day.weekday() == 0:  # a label per month, below its first Monday
            parts.append(_text(x, TOP + 7 * size + 12, day.strftime("%Y-%m"), "start"))
    inside = [count for day, count in counts.items() if start <= day < end]
    busy = f"on {sum(count > 0 for count in inside)} of {(end - start).days} days"
    said = f"{sum(inside)} {unit} {busy}, {most} on the busiest."
    return _svg(title, said, parts, ceil(TOP + 7 * size + 20))


def _runs(places: Sequence[tuple[float, Point]], top: float) -> list[str]:
    """The stretches between gaps, as polyline points."""
    runs: list[list[str]] = [[]]
    for x, point in places:
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f},{_y(point.value, top):.1f}")
    return [" ".join(run) for run in runs if len(run) > 1]


def _axes(top: float, unit: str) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(share * top, top)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 6, y + 4, _number(share * top), "end"))
    return [*parts, _text(LEFT, TOP - 8, unit, "start")]


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)


def _ceiling(values: Sequence[float]) -> float:
    """The next 1, 2 or 5 times a power of ten; 1 where there is nothing above zero."""
    most = max(values, default=0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= most)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" fill="{INK}">{escape(words)}</text>'


def _svg(title: str, description: str, parts: Sequence[str], height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' font-family="DejaVu Sans, sans-serif"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        + "".join(parts)
        + "</svg>"
    )
