"""How long the DORA engine takes: attribution alone, five years of 50 services, and a day's increment.

Run: python bench/dora.py [attribution|five-years|day …]
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from reports.dora.graph import Deployed, Graph, walk
from reports.dora.metrics import compute
from reports.dora.parameters import Parameters

START, YEARS, SERVICES = date(2021, 1, 4), 5, 50
END = START + timedelta(days=YEARS * 365)


class Spent(NamedTuple):
    """Seconds of the clock, and of all processors, which a busy machine changes less."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        """Both, with their unit."""
        return f"{self.wall:.2f} s, {self.cpu:.2f} s of processors"


class Clock:
    """Runs from its making."""

    def __init__(self) -> None:
        self._began = (time.perf_counter(), time.process_time())

    def spent(self) -> Spent:
        """Since then."""
        return Spent(time.perf_counter() - self._began[0], time.process_time() - self._began[1])


def attribution(commits: int = 50_000, deployments: int = 2_000) -> Spent:
    """What it takes to attribute `commits` to `deployments` of one service; a tenth of them roll back."""
    random = Random(1)
    parents = {f"{i:040x}": [f"{i - 1:040x}"] for i in range(1, commits)} | {f"{0:040x}": []}
    for i in range(10, commits, 7):  # merges of short branches
        parents[f"{i:040x}"].append(f"{i - random.randint(2, 9):040x}")
    heads = [commits * (i + 1) // deployments - 1 for i in range(deployments)]
    order = [heads[i - 3] if i % 10 == 9 else heads[i - 1] if i % 50 == 5 else heads[i] for i in range(deployments)]
    history = [Deployed(i + 1, f"{head:040x}") for i, head in enumerate(order)]
    clock = Clock()
    results = walk(history, Graph(parents))
    spent = clock.spent()
    assert sum(len(result.carried) for result in results) == order[-1] + 1 or order[-1] < max(order)
    return spent


def company(con: duckdb.DuckDBPyConnection) -> None:
    """Facts of 50 services that deploy every working day, two commits each, over five years."""
    random = Random(2)
    commits: list[tuple[Any, ...]] = []
    pulls: list[tuple[Any, ...]] = []
    branch: list[tuple[Any, ...]] = []
    deployments: list[tuple[Any, ...]] = []
    incidents: list[tuple[Any, ...]] = []
    for number in range(SERVICES):
        service, parent = f"service-{number:02}", ""
        for offset in range(YEARS * 365):
            day = datetime(START.year, START.month, START.day, 8, tzinfo=UTC) + timedelta(days=offset)
            if day.weekday() > 4:
                continue
            direct, squash = (f"{number:04x}{offset:06x}{kind}" + "0" * 29 for kind in "ab")
            commits.append((direct, service, [parent] if parent else [], day, None))
            commits.append((squash, service, [direct], day + timedelta(minutes=random.randint(5, 200)), str(offset)))
            parent = squash
            label = ["hotfix"] if random.random() < 0.03 else []
            pulls.append(
                (str(offset), service, "work", label, "squash", squash, day, day + timedelta(hours=4), f"b{offset}")
            )
            branch.append((str(offset), service, squash[::-1], day - timedelta(hours=random.randint(1, 40))))
            end = day + timedelta(hours=5, minutes=random.randint(0, 59))
            deployments.append(
                (
                    f"{service}-{offset}",
                    service,
                    "production",
                    squash,
                    f"{number}-{offset}",
                    1,
                    end - timedelta(minutes=9),
                    "success",
                    end,
                )
            )
            if random.random() < 0.05:
                opened = end + timedelta(minutes=20)
                incidents.append(
                    (
                        f"{service}!{offset}",
                        str(offset),
                        service,
                        "production",
                        opened,
                        opened + timedelta(minutes=3),
                        opened + timedelta(minutes=random.randint(10, 300)),
                        squash if random.random() < 0.7 else None,
                    )
                )
    names: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "commits": ("sha repo parents committed_at pr", commits),
        "pull_requests": ("pr repo title label merge_method merge_sha created_at merged_at head_branch", pulls),
        "pr_commits": ("pr repo sha committed_at", branch),
        "deployments": (
            "deployment_id service environment sha run_id run_attempt created_at final_state final_at",
            deployments,
        ),
        "incidents": (
            "incident_id issue_number service environment created_at acknowledged_at resolved_at root_cause_sha",
            incidents,
        ),
    }
    for name, (columns, rows) in names.items():
        con.register("given", pa.table(list(zip(*rows, strict=True)), names=columns.split()))
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
        print(f"  {name}: {len(rows):,}")


def measured(con: duckdb.DuckDBPyConnection, start: date, parameters: Parameters) -> Spent:
    """What one computation takes from `start` to the end; prints the rows it made."""
    as_of = datetime(END.year, END.month, END.day, tzinfo=UTC)
    clock = Clock()
    metrics = compute(con, start=start, end=END, as_of=as_of, zone="UTC", parameters=parameters)
    spent = clock.spent()
    print(f"  {metrics.metric_value.num_rows:,} values, {metrics.metric_evidence.num_rows:,} evidence rows")
    return spent


def main(wanted: list[str]) -> None:
    """Print the figures that are asked for, else all."""
    if not wanted or "attribution" in wanted:
        print(f"attribution, 50,000 commits x 2,000 deployments: {attribution()} (bar 1 s)")
    con = duckdb.connect()
    if not wanted or {"five-years", "day"} & set(wanted):
        company(con)
    if not wanted or "five-years" in wanted:
        print(f"five years x {SERVICES} services: {measured(con, START, Parameters())} (bar 30 s)")
    if not wanted or "day" in wanted:
        spent = measured(con, END - timedelta(days=1), replace(Parameters(), grains=("day",)))
        print(f"a day's increment: {spent} (bar 2 s)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main(sys.argv[1:])
