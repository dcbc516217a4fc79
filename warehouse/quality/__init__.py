"""Great Expectations suites per table, as data: what a reader of a table may rely on.

- A suite is `suites/<table>.yaml`: a list of expectations by Great Expectations' own names and arguments.
- It runs on the rows that a build added, of which it takes at most `SAMPLE`, in chunks of the columns that it needs, so
  that memory and time are bounded. So only expectations are valid that look at each row by itself (`ROW_WISE`):
  uniqueness, order, means or `mostly` within a chunk would say nothing of the table.
- A sample is the rows whose bytes' names hash lowest: no order of arrival decides, and the same rows are taken again.
- Hard invariants over full populations are SQL (conservation, unique keys); these suites look at plausibility.
- The library is imported inside the check: it takes seconds to load and most runs do not need it.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import warnings
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import yaml

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

SUITES = Path(__file__).with_name("suites")
CHUNK = 50_000  # rows handed to pandas at once
SAMPLE = 20_000  # rows of a table that a check of what was added looks at
ROW_WISE = frozenset({
    "ExpectColumnPairValuesAToBeGreaterThanB", "ExpectColumnPairValuesToBeEqual", "ExpectColumnPairValuesToBeInSet",
    "ExpectColumnValueLengthsToBeBetween", "ExpectColumnValueLengthsToEqual", "ExpectColumnValuesToBeBetween",
    "ExpectColumnValuesToBeDateutilParseable", "ExpectColumnValuesToBeInSet", "ExpectColumnValuesToBeJsonParseable",
    "ExpectColumnValuesToBeNull", "ExpectColumnValuesToMatchJsonSchema", "ExpectColumnValuesToMatchRegex",
    "ExpectColumnValuesToMatchRegexList", "ExpectColumnValuesToMatchStrftimeFormat", "ExpectColumnValuesToNotBeInSet",
    "ExpectColumnValuesToNotBeNull", "ExpectColumnValuesToNotMatchRegex", "ExpectColumnValuesToNotMatchRegexList",
    "ExpectMulticolumnSumToEqual", "ExpectSelectColumnValuesToBeUniqueWithinRecord",
})  # fmt: skip
_RECENT = "collected_at >= coalesce($since, collected_at)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation that did not hold: what was expected, of which column, and how many values broke it."""

    expectation: str
    column: str
    unexpected: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """What a suite found on some rows of a table: `rows` were looked at, of the `present` ones."""

    table: str
    rows: int
    present: int
    expectations: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every expectation held."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """As it is kept, and shown."""
        return asdict(self) | {"ok": self.ok}


def suites(folder: Path = SUITES) -> dict[str, list[dict[str, Any]]]:
    """Table name -> its expectations; `ConfigError` for a file that is no list of them."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            found[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ConfigError(f"suite {path.stem} is not YAML: {error}") from error
        listed = found[path.stem]
        if not isinstance(listed, list) or not listed or not all(isinstance(item, dict) for item in listed):
            raise ConfigError(f"suite {path.stem} is no list of expectations such as {{expect: …, column: …}}")
    return found


def check_files(table: str, expectations: Sequence[dict[str, Any]], files: Sequence[str]) -> Quality:
    """Run a suite on the rows of some of the Parquet files of `table`, or a sample of them.

    Raises:
        ConfigError: see `check`.
    """
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.read_parquet(list(files), hive_partitioning=False, union_by_name=True).create_view(table)
        return check(con, table, expectations)


def check(
    con: duckdb.DuckDBPyConnection,
    table: str,
    expectations: Sequence[dict[str, Any]],
    *,
    since: datetime | None = None,
) -> Quality:
    """Run a suite on the rows of `table`, or on a sample of them.

    Args:
        con: session with the table.
        table: its name.
        expectations: the suite.
        since: only rows collected at this instant or later.

    Raises:
        ConfigError: there is no such table, or an expectation, an argument or a column is not valid.
    """
    for wanted in expectations:
        _check_row_wise(table, wanted)
    try:
        known = {row[0] for row in con.execute(f'DESCRIBE "{table}"').fetchall()}
    except duckdb.CatalogException as error:
        raise ConfigError(f"suite {table}: there is no table of that name") from error
    columns = sorted({column for wanted in expectations for column in _columns(wanted)})
    if missing := set(columns) - known:
        raise ConfigError(
            f"suite {table}: columns {sorted(missing)} do not exist; valid are {', '.join(sorted(known))}"
        )
    held = con.execute(f'SELECT count(*) FROM "{table}" WHERE {_RECENT}', {"since": since}).fetchone()  # noqa: S608 - as below
    present, rows = int(held[0]) if held else 0, 0
    findings: dict[tuple[str, str], Finding] = {}
    for frame in _chunks(con, table, columns, since, sampled=present > SAMPLE):
        rows += len(frame)
        for finding in _validate(table, frame, expectations):
            earlier = findings.get((finding.expectation, finding.column))
            findings[finding.expectation, finding.column] = replace(
                earlier or finding, unexpected=finding.unexpected + (earlier.unexpected if earlier else 0)
            )
    return Quality(table, rows, present, len(expectations), tuple(findings.values()))


def _check_row_wise(table: str, wanted: Mapping[str, Any]) -> None:
    if wanted.get("expect") not in ROW_WISE or "mostly" in wanted:
        found = "`mostly`" if wanted.get("expect") in ROW_WISE else repr(wanted.get("expect"))
        raise ConfigError(
            f"suite {table}: {found} is no expectation on single rows; valid are {', '.join(sorted(ROW_WISE))}",
            next_step="Use one of these; what concerns a whole population is SQL.",
        )


def _columns(wanted: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation looks at."""
    single = [str(wanted[name]) for name in ("column", "column_A", "column_B") if name in wanted]
    return single + [str(column) for column in wanted.get("column_list", ())]


def _chunks(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], since: datetime | None, *, sampled: bool
) -> Iterator[pd.DataFrame]:
    names = ", ".join(f'"{column}"' for column in columns)
    lowest = f"ORDER BY hash(capture, record) LIMIT {SAMPLE}" if sampled else ""
    reader = con.execute(
        f'SELECT {names} FROM "{table}" WHERE {_RECENT} {lowest}',  # noqa: S608 - names checked above
        {"since": since},
    ).to_arrow_reader(CHUNK)
    for batch in reader:
        if batch.num_rows:
            yield batch.to_pandas()


def _validate(table: str, frame: pd.DataFrame, expectations: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    gx = _library()
    batch = _rows().get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite(name=table, expectations=[_expectation(gx, table, e) for e in expectations])
    for result in batch.validate(suite).results:
        if result.success:
            continue
        config, found = result.expectation_config, result.result
        columns = ", ".join(_columns(config.kwargs))
        if "unexpected_count" not in found:
            raise ConfigError(f"suite {table}: {config.type} of {columns} cannot be asked: {_cause(result)}")
        examples = tuple(_example(value) for value in found.get("partial_unexpected_list", [])[:5])
        yield Finding(config.type, columns, int(found["unexpected_count"]), examples)


def _example(value: Any) -> str:
    return "null" if value is None or value != value else str(value)  # noqa: PLR0124 - pandas writes null as NaN


def _cause(result: Any) -> str:
    """What the library says of an expectation that it could not evaluate."""
    told = result.exception_info
    each = [told] if "exception_message" in told else list(told.values())
    return "; ".join(dict.fromkeys(str(one["exception_message"]) for one in each if isinstance(one, dict)))


def _expectation(gx: Any, table: str, wanted: Mapping[str, Any]) -> Any:
    arguments = {key: value for key, value in wanted.items() if key != "expect"}
    try:
        return getattr(gx.expectations, wanted["expect"])(**arguments)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"suite {table}: {wanted['expect']} does not take {arguments}: {error}",
            next_step="Compare with the arguments that great_expectations.expectations documents for it.",
        ) from error


@cache
def _rows() -> Any:
    """What hands frames to the library; made once, for it costs more than most suites."""
    context = _library().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return (
        context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    )


@cache
def _library() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would report usage over the network
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    _defer("scipy.stats")  # a quarter of the time that the import takes; no expectation on single rows asks for it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx  # noqa: PLC0415 - see the module's docstring
    return gx


def _defer(name: str) -> None:
    """Have a module loaded when something of it is first used, if it is not loaded already."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    parent, _, leaf = name.rpartition(".")
    setattr(sys.modules[parent], leaf, module)
