"""A home: the locker, the lake and the configuration of one company, opened together.

Layout below `config.home_path`: `locker/` (file store), `lake/`, `cache/` (copies of remote objects), `log/` (state of
the ledger), `keys/`, `packs/`, `quality/` (what was checked of added rows), `dagster/`, `scratch/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from evidence.collecting import collect, open_source
from evidence.custody import Custody
from evidence.ledger.log import Log
from evidence.stores.registry import open_store
from warehouse.build import Builder
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.provable import records_of
from warehouse.receipts import add_custody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import duckdb

    from evidence.collecting import Clock, Collected
    from evidence.config import Config
    from evidence.stores.base import Store


@dataclass(frozen=True)
class Home:
    """Everything that a verb or an asset needs of one company.

    Args:
        config: the checked configuration.
        environ: the environment, for drivers that take credentials from it.
        collector: who collects: name, version, commit; part of every receipt.
        retain_until: retention of objects stored from now on.
    """

    config: Config
    environ: Mapping[str, str]
    collector: Mapping[str, str]
    retain_until: datetime | None = None

    @property
    def path(self) -> Path:
        """Folder of all state."""
        return self.config.home_path

    @cached_property
    def store(self) -> Store:
        """The evidence store that the configuration names."""
        url = self.config.store.url
        if url.startswith("file:") or ":" not in url:
            url = f"file:{self.path / url.removeprefix('file:')}"  # an absolute path stays what it is
        return open_store(url, cache=self.path / "cache", environ=self.environ)

    @cached_property
    def custody(self) -> Custody:
        """The locker's receipts."""
        return Custody(
            self.store, collector=self.collector, retain_until=self.retain_until,
            records_of=partial(records_of, self.config.record_proofs),
        )  # fmt: skip

    @cached_property
    def log(self) -> Log:
        """The ledger that receipts are published to."""
        return Log.open(self.store, self.path / "log", self.config.log_origin, retain_until=self.retain_until)

    @cached_property
    def lake(self) -> Lake:
        """The tables."""
        return Lake(self.path / "lake")

    def collect(
        self,
        system: str,
        days: Iterable[date],
        *,
        clock: Clock,
        streams: Sequence[str] | None = None,
        progress: Callable[[date], None] | None = None,
    ) -> Collected:
        """Ask one configured system for local days, and publish what was received, also where something failed.

        Args and errors as `evidence.collecting.collect`; the caller raises the failures.
        """
        source = open_source(system, self.config.sources[system], self.environ, self.config.root)
        try:
            done = collect(
                self.custody, system, source, days,
                clock=clock, zone=self.config.zone, streams=streams, progress=progress,
            )  # fmt: skip
        finally:
            source.close()
        self.custody.publish(self.log, done.receipts)
        return done

    def builder(self) -> Builder:
        """Turns captures into tables."""
        scratch = self.path / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        return Builder(self.custody, self.lake, zone=self.config.zone, scratch=scratch)

    def connection(self, *, snapshots: Mapping[str, int] | None = None) -> duckdb.DuckDBPyConnection:
        """A session with the base tables and those of `warehouse.receipts`; who needs scope and views adds them."""
        con = connect(self.lake, snapshots=snapshots)
        add_custody(con, self.custody.receipts(), self.config.zone)
        return con
