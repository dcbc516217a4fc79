"""One asset per table: captures turned into typed rows, with what became of every record as checks.

What a reader may rely on (the suites of `warehouse.quality`) is checked on the rows that the build added, in the same
step; a build that adds none leaves the last answer standing. The answers are kept below the home, in `quality/`.

A table is not partitioned for Dagster: building takes whatever was collected and not built, of whichever day, and a
table is always up to its last receipt. Its files are partitioned by event time all the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from assets.collection import stream_key
from assets.markdown import table
from assets.resources import HomeResource, retrying
from evidence.sources.registry import connector, names
from warehouse.build import Counts, table_columns
from warehouse.quality import Quality, suites
from warehouse.quality.added import check_added
from warehouse.sheets import Sheet, sheets


def table_key(table: str) -> dg.AssetKey:
    """Asset key of a table: `warehouse / table`."""
    return dg.AssetKey(["warehouse", table])


def table_assets() -> list[dg.AssetsDefinition]:
    """The assets of every table, one step per system."""
    systems: dict[str, list[Sheet]] = defaultdict(list)
    for sheet in sheets().values():
        systems[sheet.stream.split(".", 1)[0]].append(sheet)
    return [_system_tables(system, members) for system, members in systems.items()]


def _spec(system: str, sheet: Sheet, collected: frozenset[str]) -> dg.AssetSpec:
    columns = table_columns(sheet)
    meanings = {column.name: column.meaning for column in sheet.columns}
    return dg.AssetSpec(
        table_key(sheet.table),
        deps=[stream_key(sheet.stream)] if sheet.stream in collected else [],
        description=f"{sheet.meaning} Natural key: {', '.join(sheet.key)} ({sheet.mutability}).",
        group_name=f"tables_{system}",
        kinds={"iceberg", "duckdb", "parquet"},
        owners=["team:controls-data"],
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(n, t, description=meanings.get(n)) for n, t in columns.items()]
            ),
            "dagster/table_name": sheet.table,
        },
        skippable=True,
    )


def _system_tables(system: str, members: list[Sheet]) -> dg.AssetsDefinition:
    collected = frozenset(stream.name for name in names() for stream in connector(name).STREAMS)
    by_key = {table_key(sheet.table): sheet for sheet in members}

    @dg.multi_asset(
        name=f"build_{system}",
        specs=[_spec(system, sheet, collected) for sheet in members],
        can_subset=True,
        pool="lake",
        check_specs=[
            dg.AssetCheckSpec(
                "conserved", asset=key, description="received = stored + duplicate + conflict + quarantined"
            )
            for key in by_key
        ]
        + [
            dg.AssetCheckSpec("as_expected", asset=key, description=f"Great Expectations: {_expected(listed)}")
            for key, sheet in by_key.items()
            if (listed := suites().get(sheet.table))
        ],
    )
    def built(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
        opened = home.open()
        counts: dict[str, Counts] = {}
        found: dict[str, Quality] = {}
        chosen = {key: by_key[key] for key in sorted(context.selected_asset_keys)}
        before = {sheet.table: set(opened.lake.files(sheet.table)) for sheet in chosen.values()}

        def work() -> None:
            names = sorted(sheet.stream for sheet in chosen.values())
            counts.update(opened.builder().build(names, progress=context.log.debug))
            found.update(check_added(opened, before, system, now=home.now()))

        retrying(context, home, work)
        for key, sheet in chosen.items():
            yield _result(key, counts.get(sheet.stream, Counts()), found.get(sheet.table))

    return built


def _expected(listed: Sequence[Mapping[str, object]]) -> str:
    """A suite in a line: the columns that something is expected of."""
    names = {str(item.get("column") or f"{item.get('column_A')} and {item.get('column_B')}") for item in listed}
    return f"{len(listed)} expectations on {', '.join(sorted(names))}."


def _as_expected(key: dg.AssetKey, found: Quality) -> dg.AssetCheckResult:
    rows = [(f.expectation, f.column, f.unexpected, ", ".join(f.examples)) for f in found.findings]
    shown = table(("expectation", "column", "rows", "examples"), rows)
    return dg.AssetCheckResult(
        asset_key=key, check_name="as_expected", passed=found.ok, severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "rows looked at": found.rows, "rows added": found.present, "expectations": found.expectations,
            "not as expected": dg.MetadataValue.md(shown) if rows else "nothing",
            "validation": dg.MetadataValue.json(found.as_json()),
        },
    )  # fmt: skip


def _result(key: dg.AssetKey, counts: Counts, found: Quality | None) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": counts.stored + counts.conflict, "received": counts.received, "stored": counts.stored,
            "versions": counts.versions, "duplicate": counts.duplicate, "conflict": counts.conflict,
            "quarantined": counts.quarantined,
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=key, check_name="conserved", passed=counts.balanced and not counts.quarantined,
                severity=dg.AssetCheckSeverity.ERROR if not counts.balanced else dg.AssetCheckSeverity.WARN,
                metadata={"received": counts.received, "quarantined": counts.quarantined, "conflict": counts.conflict},
            ),
            *([_as_expected(key, found)] if found else []),
        ],
    )  # fmt: skip
