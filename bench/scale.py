"""Measure whether import and build grow with their input alone. `python -m bench.scale [FEW] [MANY]`.

- Each size runs in a process of its own, from a file on disk to committed tables, and prints time, peak memory and
  the cost of one event.
- Bars: one event of many costs at most 1.15 times one of few; the peak stays below 1.5 GB whatever the size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.events import write_events
from bench.ingest import _alone, _level_2

RATIO, PEAK = 1.15, 1_500  # MB


def main() -> int:
    """Print the figures; 1 if a bar is missed or a count is wrong."""
    given = [int(text.replace("_", "")) for text in sys.argv[1:]]
    few, many = (*given, 1_000_000, 4_000_000)[:2] if len(given) != 1 else (1_000_000, given[0])
    first, second = _measured(few), _measured(many)
    ratio = second["seconds"] / many / (first["seconds"] / few)
    peak = max(first["peak"], second["peak"])
    print(f"one event of {many:,} costs {ratio:.2f} times one of {few:,} (bar {RATIO})")
    print(f"peak {peak:,.0f} MB (bar {PEAK:,} MB)")
    return 0 if ratio <= RATIO and peak <= PEAK else 1


def _measured(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        file = Path(name) / "events.ndjson"
        truth = write_events(file, count)
        found = _alone(f"{count:,} events, {file.stat().st_size / 1e6:,.0f} MB", _level_2, file, Path(name))
    counts = found["counts"]
    right = (counts["received"], counts["duplicate"], counts["conflict"])
    assert right == (truth.lines, truth.duplicate, truth.conflict), (counts, truth)
    return found


if __name__ == "__main__":
    sys.exit(main())
