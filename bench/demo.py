"""Measure `evidence demo` over a quarter, and a second run with nothing new: `python -m bench.demo`.

- Each runs in a process of its own over one empty home: wall seconds, CPU seconds, peak memory, and what it prints of
  its stages.
- The second run must add nothing: no object in the locker, no statement in the ledger, no row of a table.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from warehouse.open import open_home

_STAGE = re.compile(r"  done in (\d+) s")


def run(home: Path) -> str:
    """Run the demo; one line of what it took."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "cli.main", "demo", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        told = child.stdout.read() if child.stdout else ""
        _, code, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(code)
    if child.returncode:
        raise SystemExit(f"the demo ended with {child.returncode}\n{told}")
    stages = " + ".join(_STAGE.findall(told))
    return (
        f"{time.perf_counter() - begun:.0f} s (stages {stages}), {used.ru_utime + used.ru_stime:.0f} CPU s,"
        f" {used.ru_maxrss / 1024:.0f} MB at most"
    )


def held(home: Path) -> tuple[int, int, dict[str, int]]:
    """Objects in the locker, statements in the ledger, rows of the tables."""
    opened = open_home(home / "evidence.yaml", now=datetime.now(UTC))
    with opened.connection() as con:
        rows = {
            table: int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
            for table in opened.lake.snapshots()
        }
    return sum(1 for _ in opened.store.list("")), opened.log.refresh(), rows


def main() -> None:
    """Print a line per run."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        print(f"first run: {run(home)}")
        before = held(home)
        print(f"second run: {run(home)}")
        objects, statements, rows = before
        print(f"{objects:,} objects, {statements:,} statements, {sum(rows.values()):,} rows")
        if held(home) != before:
            raise SystemExit("the second run added something")


if __name__ == "__main__":
    main()
