"""Write `dora-side-by-side.md`: one small history, our numbers and those of six public tools.

Run: python docs/dora_side_by_side.py FOLDER > docs/dora-side-by-side.md
FOLDER holds the facts, `truth.json` (its window) and `side_by_side.csv` (what the tools' own code made of it).
Our column is computed when the page is written; a test fails when the committed page differs.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reports.dora.folder import load_folder
from reports.dora.metrics import Metrics, compute
from reports.dora.parameters import Parameters

INTRO = """# One history, seven tools

A small history of two services was computed by hand, and given to the own code of six public tools.
Ours, in the second column, is computed by `evidence dora --facts` from the same files when this page is written,
and equals the values computed by hand.
"""
WHY = """
## Why the numbers differ

- **Deployments.** A tool without a filter for the environment counts staging.
- **Weeks.** Averages over weeks in which something happened leave out the week in which nothing did;
  whole-number division turns three deployments in 16 days into zero a day.
- **Lead time.** Ours takes each commit that a deployment was the first to carry, since its own commit time; the first
  deployment of a service is a baseline. Others take only the commits of one push, or pull requests by time alone,
  count the commits of a rollback again, let a failed attempt end the clock, or take means and lower medians.
- **Change failure rate.** Joining rows of deployments, changes and incidents counts one failure many times (above
  100 %); the last deployment of the whole project before an incident is blamed however long ago it was; failed
  pipelines, or deployments to other environments, are put above or below the line. Ours asks what evidence links
  which incident, revert, rollback or hotfix to which deployment, and says how sure that is.
- **Recovery.** Cutting to whole hours, dropping what is still open, or measuring from release to release answers
  another question. Ours keeps open failures in the count and lists them.
- **Nothing at all.** Where there are no data, a zero or the best tier is a claim. Ours says `no_source`.
"""


FIXTURES = """
## The tools' own fixtures

The tests run them through our engine (`tests/reports/test_dora_peers*.py`): equal where we agree, and a difference
that a test states where we do not.

| fixture | the same | other, and why |
|---|---|---|
| Metrik, deployment frequency | every count | |
| Metrik, lead time | the minutes of every commit | it counts the commits of a first deployment; ours lists them |
| Metrik, change failure rate | our attempts that did not succeed | what failed to deploy was never live |
| Metrik, time to restore | | it runs from a failed pipeline to the next success; ours has no failure to recover from |
| Middleware, deployment frequency | totals and weeks | its averages are cut: three in 16 days are 0 a day |
| Middleware, incident to deployment | every link, without our bound in time | it also blames failed and pending runs |
| Middleware, change failure rate | every rate, if time alone may blame | without a deployment it says 0 % |
| Middleware, recovery by week | mean and count | |
| Middleware, pull requests of a deployment | every set | it follows branch names and times, ours the commits |
| DevLake, previous deployment | every row | |
| DevLake, commits between deployments | every set | |
| DevLake, merge to production | every minute | a merge after its deployment is null there, listed here |
| DevLake, incident to deployment | every link, without our bound | it links one of two months after the last |
| Datadog, lead time and rollback | every example of its documentation | |
| Datadog, hotfix | | it blames the deployment right before, even where that was the rollback |
"""


def page(folder: Path) -> str:
    """The page as Markdown."""
    with (folder / "side_by_side.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    ours = _ours(folder)
    lines = [f"| {' | '.join(['metric', 'ours', *header[2:]])} |", "|---" * len(header) + "|"]
    lines += [f"| {' | '.join([row[0], mine, *row[2:]])} |" for row, mine in zip(rows, ours, strict=True)]
    return INTRO + "\n" + "\n".join(lines) + "\n" + WHY + FIXTURES


def _ours(folder: Path) -> list[str]:
    """Our cell for each row of `side_by_side.csv`, in its order."""
    window = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["window"]
    metrics = _computed(folder, window)
    rows = [row for row in metrics.to_rows() if row["service"] == "all"]

    def value(metric: str, statistic: str, grain: str = "window") -> Any:
        found = [r["value"] for r in rows if (r["metric"], r["statistic"], r["grain"]) == (metric, statistic, grain)]
        return found if grain != "window" else f"{found[0]:g}"

    def rate(metric: str) -> str:
        share = next(r for r in rows if (r["metric"], r["statistic"], r["grain"]) == (metric, "rate", "window"))
        return f"{100 * share['value']:.1f}% ({share['numerator']}/{share['denominator']})"

    weekly = " ".join(str(count) for count in value("deployment_frequency", "count", "week"))
    mean, median = (value("deployment_frequency", name) for name in ("mean_per_week", "median_per_week"))
    lead, original = (value(metric, "median") for metric in ("lead_time", "lead_time_original"))
    failed, still = (value("failed_deployment_recovery_time", name) for name in ("median", "open_count"))
    restored = f"median {value('mttr', 'median')} mean {value('mttr', 'mean')}"
    return [
        value("deployment_frequency", "count"),
        f"mean {mean} median {median} [{weekly}]",
        f"{lead} commit median / {original} original-commit median",
        rate("change_failure_rate"),
        f"failed deployments: median {failed}, {still} open; incidents: {restored}",
        rate("rework_rate"),
        _empty(window),
    ]


def _empty(window: dict[str, str]) -> str:
    """What we say of a database in which nothing is."""
    with duckdb.connect() as con:
        rows = _compute(con, window).to_rows()
    values = {row["value"] for row in rows}
    return f"status {', '.join(sorted({row['status'] for row in rows}))}, " + (
        "no value" if values == {None} else str(values)
    )


def _computed(folder: Path, window: dict[str, str]) -> Metrics:
    with duckdb.connect() as con:
        load_folder(con, folder)
        return _compute(con, window)


def _compute(con: duckdb.DuckDBPyConnection, window: dict[str, str]) -> Metrics:
    start, end = (datetime.fromisoformat(window[name]).date() for name in ("from", "to"))
    as_of = datetime.fromisoformat(window["as_of"])
    return compute(con, start=start, end=end, as_of=as_of, zone=window["tz"], parameters=Parameters())


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1])))
