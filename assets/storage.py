"""Dagster's SQLite storage, with a batch of events written in one transaction instead of two an event.

A quarter in one run is a few thousand partition events; one by one they take longer than the work itself. The files
are Dagster's own, so that a plain instance over the same folder reads them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import EventLogEntry
    from dagster._serdes import ConfigurableClassData

BATCH = "1000"  # events kept back until they are written together


class BatchedEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that takes a batch at once."""

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
