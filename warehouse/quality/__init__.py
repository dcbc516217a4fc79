"""Great Expectations suites per table, as data: what a reader of a table may rely on.

- A suite is `suites/<table>.yaml`: a list of expectations by Great Expectations' own names and arguments.
- It runs on the rows of some days, in chunks of the columns that it needs, so that memory is bounded.
- Hard invariants over full populations are SQL (conservation, unique keys); these suites look at plausibility.
- The library is imported inside the check: it takes seconds to load and most runs do not need it.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import duckdb
    import pandas as pd

SUITES = Path(__file__).with_name("suites")
CHUNK = 50_000  # rows handed to pandas at once


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation that did not hold: what was expected, of which column, and how many values broke it."""

    expectation: str
    column: str
    unexpected: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """What a suite found on some rows of a table."""

    table: str
    rows: int
    expectations: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every expectation held."""
        return not self.findings


def suites(folder: Path = SUITES) -> dict[str, list[dict[str, Any]]]:
    """Table name -> its expectations."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))}


def check(
    con: duckdb.DuckDBPyConnection, table: str, expectations: Sequence[dict[str, Any]], *, since: datetime
) -> Quality:
    """Run a suite on the rows of `table` collected since an instant.

    Raises:
        ConfigError: the suite names an expectation or a column that does not exist.
    """
    known = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()}
    columns = sorted({str(e["column"]) for e in expectations if "column" in e})
    if missing := set(columns) - known:
        raise ConfigError(
            f"suite {table}: columns {sorted(missing)} do not exist; valid are {', '.join(sorted(known))}"
        )
    rows = 0
    findings: dict[tuple[str, str], Finding] = {}
    for frame in _chunks(con, table, columns, since):
        rows += len(frame)
        for finding in _validate(table, frame, expectations):
            earlier = findings.get((finding.expectation, finding.column))
            findings[finding.expectation, finding.column] = Finding(
                finding.expectation,
                finding.column,
                finding.unexpected + (earlier.unexpected if earlier else 0),
                earlier.examples if earlier else finding.examples,
            )
    return Quality(table, rows, len(expectations), tuple(findings.values()))


def _chunks(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], since: datetime
) -> Iterator[pd.DataFrame]:
    names = ", ".join(f'"{column}"' for column in columns)
    reader = con.execute(
        f"SELECT {names} FROM {table} WHERE collected_at >= $since",  # noqa: S608 - names checked above
        {"since": since},
    ).to_arrow_reader(CHUNK)
    for batch in reader:
        if batch.num_rows:
            yield batch.to_pandas()


def _validate(table: str, frame: pd.DataFrame, expectations: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    gx = _library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("rows")
        .add_dataframe_asset(table)
        .add_batch_definition_whole_dataframe("all")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    suite = gx.ExpectationSuite(name=table, expectations=[_expectation(gx, table, e) for e in expectations])
    for result in batch.validate(suite).results:
        if not result.success:
            found = result.result
            yield Finding(
                result.expectation_config.type,
                str(result.expectation_config.kwargs.get("column", "")),
                int(found.get("unexpected_count", 0)),
                tuple(str(value) for value in found.get("partial_unexpected_list", [])[:5]),
            )


def _expectation(gx: Any, table: str, wanted: dict[str, Any]) -> Any:
    arguments = {key: value for key, value in wanted.items() if key != "expect"}
    kind = getattr(gx.expectations, str(wanted.get("expect")), None)
    if kind is None:
        raise ConfigError(
            f"suite {table}: {wanted.get('expect')!r} is no expectation",
            next_step="Use a class name of great_expectations.expectations, such as ExpectColumnValuesToNotBeNull.",
        )
    return kind(**arguments)


def _library() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would report usage over the network
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx  # noqa: PLC0415 - see the module's docstring
    return gx
