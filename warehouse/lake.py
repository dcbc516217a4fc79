"""Iceberg tables of Parquet files that DuckDB writes.

- Rows are only ever added: a later version or a late arrival is a new row in a new file; nothing is rewritten.
- One commit per table and build; a commit that did not happen leaves files that no snapshot names.
- A reader works on the explicit file list of a snapshot, so it never sees half a build and can read as of then.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, MonthTransform, Transform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DoubleType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestamptzType,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pyiceberg.table import Table

_ICEBERG: Mapping[str, PrimitiveType] = {
    "VARCHAR": StringType(),
    "BIGINT": LongType(),
    "DOUBLE": DoubleType(),
    "BOOLEAN": BooleanType(),
    "DATE": DateType(),
    "TIMESTAMPTZ": TimestamptzType(),
}
_NAMESPACE = "evidence"
# A snapshot is read through its manifests: without merging there is one more each day, and each day costs more.
_PROPERTIES = {"commit.manifest-merge.enabled": "true", "commit.manifest.min-count-to-merge": "10"}


class Lake:
    """The tables under one folder, with their catalogue.

    Args:
        root: folder of the lake; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.root.mkdir(parents=True, exist_ok=True)
        self._catalog = SqlCatalog(
            "lake", uri=f"sqlite:///{self.root / 'catalog.db'}", warehouse=f"file://{self.root / 'tables'}"
        )
        self._catalog.create_namespace_if_not_exists(_NAMESPACE)

    def add(
        self, table: str, columns: Mapping[str, str], files: Sequence[Path], *, partition: tuple[str, str] | None = None
    ) -> None:
        """Register Parquet files with `table` in one snapshot; the table is made, or widened, as `columns` say.

        Args:
            table: table name.
            columns: column name -> DuckDB type, in order.
            files: Parquet files below `data_folder(table)`, each within one partition.
            partition: time column and `month` or `day`.
        """
        held = self._table(table) or self._create(table, columns, partition)
        missing = {name: kind for name, kind in columns.items() if name not in held.schema().column_names}
        if missing:
            with held.update_schema() as update:
                for name, kind in missing.items():
                    update.add_column(name, _ICEBERG[kind])
        if files:
            held.add_files([f"file://{path}" for path in files], check_duplicate_files=False)

    def data_folder(self, table: str) -> Path:
        """Where the Parquet files of `table` lie."""
        return self.root / "tables" / _NAMESPACE / table / "data"

    def files(self, table: str, *, snapshot: int | None = None) -> list[str]:
        """Paths of the files of the newest snapshot, or of `snapshot`; empty if the table has none."""
        held = self._table(table)
        if held is None or held.current_snapshot() is None:
            return []
        tasks = held.scan(snapshot_id=snapshot).plan_files()
        return sorted(task.file.file_path.removeprefix("file://") for task in tasks)

    def snapshots(self) -> dict[str, int]:
        """The newest snapshot id of every table that has one."""
        found = {}
        for table in self.tables():
            snapshot = self._catalog.load_table((_NAMESPACE, table)).current_snapshot()
            if snapshot is not None:
                found[table] = snapshot.snapshot_id
        return found

    def tables(self) -> list[str]:
        """The names of the tables that are there."""
        return sorted(name for _, name in self._catalog.list_tables(_NAMESPACE))

    def drop(self, table: str) -> None:
        """Forget a table, with its snapshots and files; nothing happens if it is not there."""
        if table in self.tables():  # which, unlike loading it, reads none of its files
            self._catalog.drop_table((_NAMESPACE, table))
        shutil.rmtree(self.data_folder(table).parent, ignore_errors=True)

    def _table(self, table: str) -> Table | None:
        try:
            return self._catalog.load_table((_NAMESPACE, table))
        except NoSuchTableError:
            return None

    def _create(self, table: str, columns: Mapping[str, str], partition: tuple[str, str] | None) -> Table:
        fields = [NestedField(i, name, _ICEBERG[kind]) for i, (name, kind) in enumerate(columns.items(), start=1)]
        schema = Schema(*fields)
        spec = PartitionSpec()
        if partition is not None:
            column, grain = partition
            transform: Transform[Any, Any] = DayTransform() if grain == "day" else MonthTransform()
            source = schema.find_field(column).field_id
            spec = PartitionSpec(PartitionField(source, 1000, transform, f"{column}_{grain}"))
        return self._catalog.create_table((_NAMESPACE, table), schema, partition_spec=spec, properties=_PROPERTIES)


def arrow_rows(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> pa.Table:
    """Rows as an Arrow table with the given columns and DuckDB types; empty rows give an empty, typed table."""
    kinds = {
        "VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(), "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
