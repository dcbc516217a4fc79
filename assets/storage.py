"""Dagster's SQLite storage, for runs of many days at once: a plain instance reads the same files.

- A batch of events is written in one transaction instead of two an event: a quarter in one run is a few thousand
  partition events, which one by one take longer than the work itself.
- What a run plans for a range of partitions is noted once.
- A file's connection stays open: to open one costs several times what an event does.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import create_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy import Connection, Engine

BATCH = "1000"  # events kept back until they are written together


class BatchedEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps the rules above."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction on the file of a run, or on the index of all runs."""
        if shard not in self._engines:
            with super()._connect(shard):  # which makes the file, with its tables
                url = self.conn_string_for_shard(shard)
            self._engines[shard] = create_engine(url, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
        with self._db_lock, self._engines[shard].begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        while self._engines:
            self._engines.popitem()[1].dispose()

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """One planned event for an asset's range of partitions: what became of the range is what became of its run."""
        return True

    def store_asset_check_event(self, event: EventLogEntry, event_id: int | None) -> None:
        """Plan a check once: ours speak of the run, so that rows planned for each partition would wait for ever."""
        told = event.get_dagster_event()
        planned = told.event_specific_data
        if isinstance(planned, AssetCheckEvaluationPlanned):
            once = AssetCheckEvaluationPlanned(asset_key=planned.asset_key, check_name=planned.check_name)
            event = event._replace(dagster_event=told._replace(event_specific_data=once))
        super().store_asset_check_event(event, event_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store asset events together and all others one by one."""
        together: dict[str, list[EventLogEntry]] = defaultdict(list)
        for event in events:
            if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS:
                together[event.run_id].append(event)
            else:
                self.store_event(event)
        for run_id, held in together.items():
            self._store_asset_events(run_id, held)

    def _store_asset_events(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        statements = [self.prepare_insert_event(event) for event in events]
        with self.run_connection(run_id) as connection:
            for statement in statements:
                connection.execute(statement)
        with self.index_connection() as connection:
            keys = (connection.execute(statement).inserted_primary_key for statement in statements)
            ids = [int(key[0]) for key in keys if key is not None]
            self._store_asset_event_tags(connection, events, ids)
            # An asset's row holds its newest event of a kind; the earlier ones of the batch would be overwritten.
            newest = {(e.get_dagster_event().asset_key, e.dagster_event_type): n for n, e in enumerate(events)}
            for n in newest.values():
                self._store_asset_event(connection, events[n], ids[n])


class BatchedStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage over `BatchedEventLog`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", BATCH)  # read by Dagster at every event
        super().__init__(base_dir, inst_data)
        plain = self._event_log_storage
        self._event_log_storage = BatchedEventLog(plain._base_dir)  # noqa: SLF001 - the folder has no public name

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """As `dagster.yaml` names it: `base_dir`."""
        return cls.from_local(inst_data=inst_data, **config_value)
