"""Great Expectations suites per table, as data: what a reader of a table may rely on.

- A suite is `suites/<table>.yaml`: a list of expectations by Great Expectations' own names and arguments.
- It runs on the rows of some days, in chunks of the columns that it needs, so that memory is bounded. So only
  expectations are valid that look at each row by itself (`ROW_WISE`): uniqueness, order, means or `mostly` within a
  chunk would say nothing of the table.
- Hard invariants over full populations are SQL (conservation, unique keys); these suites look at plausibility.
- The library is imported inside the check: it takes seconds to load and most runs do not need it.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass, replace
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
ROW_WISE = frozenset({
    "ExpectColumnPairValuesAToBeGreaterThanB", "ExpectColumnPairValuesToBeEqual", "ExpectColumnPairValuesToBeInSet",
    "ExpectColumnValueLengthsToBeBetween", "ExpectColumnValueLengthsToEqual", "ExpectColumnValuesToBeBetween",
    "ExpectColumnValuesToBeDateutilParseable", "ExpectColumnValuesToBeInSet", "ExpectColumnValuesToBeJsonParseable",
    "ExpectColumnValuesToBeNull", "ExpectColumnValuesToMatchJsonSchema", "ExpectColumnValuesToMatchRegex",
    "ExpectColumnValuesToMatchRegexList", "ExpectColumnValuesToMatchStrftimeFormat", "ExpectColumnValuesToNotBeInSet",
    "ExpectColumnValuesToNotBeNull", "ExpectColumnValuesToNotMatchRegex", "ExpectColumnValuesToNotMatchRegexList",
    "ExpectMulticolumnSumToEqual", "ExpectSelectColumnValuesToBeUniqueWithinRecord",
})  # fmt: skip


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


def check(
    con: duckdb.DuckDBPyConnection, table: str, expectations: Sequence[dict[str, Any]], *, since: datetime
) -> Quality:
    """Run a suite on the rows of `table` collected since an instant.

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
    rows = 0
    findings: dict[tuple[str, str], Finding] = {}
    for frame in _chunks(con, table, columns, since):
        rows += len(frame)
        for finding in _validate(table, frame, expectations):
            earlier = findings.get((finding.expectation, finding.column))
            findings[finding.expectation, finding.column] = replace(
                earlier or finding, unexpected=finding.unexpected + (earlier.unexpected if earlier else 0)
            )
    return Quality(table, rows, len(expectations), tuple(findings.values()))


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
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], since: datetime
) -> Iterator[pd.DataFrame]:
    names = ", ".join(f'"{column}"' for column in columns)
    reader = con.execute(
        f'SELECT {names} FROM "{table}" WHERE collected_at >= $since',  # noqa: S608 - names checked above
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


def _library() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would report usage over the network
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx  # noqa: PLC0415 - see the module's docstring
    return gx
