"""Great Expectations suites: what they find, and that a wrong suite is told instead of passing."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from evidence.errors import ConfigError
from warehouse import quality
from warehouse.build import table_columns
from warehouse.quality import ROW_WISE, check, check_files, suites
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from pathlib import Path

SINCE = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """A table of 1,000 rows, of which ten were collected before SINCE."""
    con = duckdb.connect()
    con.execute("""
        CREATE TABLE things AS
        SELECT i AS id, CASE WHEN i % 100 = 0 THEN NULL ELSE 'name ' || i END AS name, i + 1 AS "the next",
            TIMESTAMPTZ '2026-07-01 00:00:00Z' + to_hours(CAST(i - 10 AS BIGINT)) AS collected_at
        FROM range(1000) AS t (i)
    """)
    return con


def run(con: duckdb.DuckDBPyConnection, *expectations: dict[str, Any]) -> quality.Quality:
    """Check the table."""
    return check(con, "things", expectations, since=SINCE)


def test_what_holds_is_quiet(con: duckdb.DuckDBPyConnection) -> None:
    """No finding; how many rows and expectations were looked at is told."""
    found = run(
        con,
        {"expect": "ExpectColumnValuesToNotBeNull", "column": "id"},
        {"expect": "ExpectColumnPairValuesAToBeGreaterThanB", "column_A": "the next", "column_B": "id"},
    )
    assert (found.table, found.rows, found.expectations, found.findings, found.ok) == ("things", 990, 2, (), True)
    assert found.as_json()["present"] == 990


@pytest.mark.parametrize("chunk", [100, 333, 50_000])
def test_what_does_not_hold_is_counted_over_all_chunks(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """The same finding whatever the size of the chunks that bound memory; rows before `since` are left out."""
    monkeypatch.setattr(quality, "CHUNK", chunk)
    found = run(
        con,
        {"expect": "ExpectColumnValuesToNotBeNull", "column": "name"},
        {"expect": "ExpectColumnValuesToBeBetween", "column": "id", "min_value": 10, "max_value": 899},
    )
    assert [(f.expectation, f.column, f.unexpected) for f in found.findings] == [
        ("expect_column_values_to_not_be_null", "name", 9), ("expect_column_values_to_be_between", "id", 100),
    ]  # fmt: skip
    assert found.findings[0].examples[0] == "null"
    assert found.findings[1].examples[0] == "900"
    assert not found.ok


def test_many_rows_are_looked_at_by_a_sample_that_is_always_the_same(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded, said, and decided by the records' own names, whatever the order of the files."""
    monkeypatch.setattr(quality, "SAMPLE", 100)
    con.execute("ALTER TABLE things ADD COLUMN capture VARCHAR DEFAULT 'c'")
    con.execute("ALTER TABLE things ADD COLUMN record BIGINT")
    con.execute("UPDATE things SET record = id")
    expectation = {"expect": "ExpectColumnValuesToBeBetween", "column": "id", "max_value": 499}
    found = []
    for order in ("ASC", "DESC"):
        file = str(tmp_path / f"{order}.parquet")
        con.execute(f"COPY (FROM things ORDER BY id {order}) TO '{file}' (FORMAT parquet)")
        found.append(check_files("things", [expectation], [file]))

    assert (found[0].rows, found[0].present) == (100, 1000)
    assert found[0].findings[0].unexpected == found[1].findings[0].unexpected
    assert 20 < found[0].findings[0].unexpected < 80


def test_no_rows_are_no_finding_and_say_so(con: duckdb.DuckDBPyConnection) -> None:
    """Nothing was collected: the number of rows shows that nothing was looked at."""
    found = check(
        con, "things", [{"expect": "ExpectColumnValuesToNotBeNull", "column": "name"}],
        since=datetime(2030, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert (found.rows, found.ok) == (0, True)


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            {"expect": "ExpectColumnValuesToBeUnique", "column": "id"},
            "'ExpectColumnValuesToBeUnique' is no expectation",
        ),
        ({"expect": "ExpectColumnMaxToBeBetween", "column": "id"}, "is no expectation on single rows"),
        ({"expect": "ExpectTableRowCountToEqual", "value": 1}, "is no expectation on single rows"),
        ({"expect": "core", "column": "id"}, "'core' is no expectation on single rows; valid are ExpectColumnPair"),
        ({"column": "id"}, "None is no expectation"),
        ({"expect": "ExpectColumnValuesToNotBeNull", "column": "id", "mostly": 0.9}, "`mostly` is no expectation on"),
        ({"expect": "ExpectColumnValuesToNotBeNull", "column": "ids"}, r"columns \['ids'\] do not exist; valid are"),
        ({"expect": "ExpectColumnPairValuesToBeEqual", "column_A": "id", "column_B": "x"}, r"columns \['x'\] do not"),
        ({"expect": "ExpectColumnValuesToNotBeNull", "column": "id", "colour": 1}, r"does not take .*colour"),
        ({"expect": "ExpectColumnValuesToMatchRegex", "column": "name", "regex": "("}, "cannot be asked: .*regular"),
    ],
)
def test_a_wrong_suite_is_told(con: duckdb.DuckDBPyConnection, expectation: dict[str, Any], message: str) -> None:
    """Law 4: an expectation that could not be evaluated, or not on chunks, is an error and never passes."""
    with pytest.raises(ConfigError, match=f"suite things: .*{message}"):
        run(con, expectation)


def test_a_suite_without_its_table_is_told(con: duckdb.DuckDBPyConnection) -> None:
    """By name."""
    with pytest.raises(ConfigError, match="suite nothing: there is no table of that name"):
        check(con, "nothing", [{"expect": "ExpectColumnValuesToNotBeNull", "column": "id"}], since=SINCE)


@pytest.mark.parametrize("text", ["", "expect: x", "[]", "- x", "- [x]", "[x"])
def test_a_suite_file_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    """An empty or broken file is no suite that always passes."""
    (tmp_path / "things.yaml").write_text(text)
    with pytest.raises(ConfigError, match="suite things is"):
        suites(tmp_path)


def test_nothing_is_left_in_the_temporary_folder(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check a day for ten years must not fill a disk with empty folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(con, {"expect": "ExpectColumnValuesToNotBeNull", "column": "id"})
    assert list(tmp_path.iterdir()) == []


def test_the_suites_that_ship_fit_their_tables() -> None:
    """Each names a table of the dictionary, its columns, and expectations that the library has."""
    shipped = suites()
    assert shipped
    tables = {sheet.table: sheet for sheet in sheets().values()}
    con = duckdb.connect()
    for table, expectations in shipped.items():
        columns = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in table_columns(tables[table]).items())
        con.execute(f'CREATE TABLE "{table}" AS SELECT {columns} WHERE false')
        assert check(con, table, expectations, since=SINCE).expectations == len(expectations)


def test_every_row_wise_expectation_is_one_of_the_library() -> None:
    """The list of valid names is not out of date."""
    gx = quality._library()
    assert [name for name in sorted(ROW_WISE) if not hasattr(gx.expectations, name)] == []
