"""A home: the locker, the lake and the configuration of one company, opened together.

Layout below `config.home_path`: `locker/` (file store), `lake/`, `cache/` (copies of remote objects), `log/` (state of
the ledger), `keys/`, `packs/`, `quality/` (what was checked of added rows), `dagster/`, `scratch/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evidence.collecting import collect, open_source
from evidence.custody import Custody
from evidence.ledger.log import Log
from evidence.periods import midnight
from evidence.stores.registry import open_store
from warehouse.build import Builder
from warehouse.connect import connect
from warehouse.lake import Lake, arrow_rows
from warehouse.provable import records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from evidence.collecting import Clock, Collected
    from evidence.config import Config
    from evidence.custody import Receipt
    from evidence.stores.base import Store

PARTITIONS: Mapping[str, str] = {
    "stream": "VARCHAR", "day": "DATE", "status": "VARCHAR", "reason": "VARCHAR", "receipt": "VARCHAR",
    "asked_at": "TIMESTAMPTZ",
}  # fmt: skip


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
        """A session with the base tables and `custody_partitions`; scope and views are added by who needs them."""
        con = connect(self.lake, snapshots=snapshots)
        rows = [row for receipt in self.custody.receipts() for row in partitions(receipt, self.config.zone)]
        con.register("custody_partitions_arrow", arrow_rows(rows, PARTITIONS))
        con.execute("CREATE TABLE custody_partitions AS FROM custody_partitions_arrow")
        con.unregister("custody_partitions_arrow")
        return con


def partitions(receipt: Receipt, zone: str) -> Iterator[dict[str, object]]:
    """What one receipt says of the local days of its window: `complete`, or `partial` where a gap or failure touches.

    A gap outside the window makes the days partial that it touches; a collection that received less than was asked
    and can point to no day makes all its days partial. Imports of files have no window and say nothing: whoever
    exported a file states elsewhere what it covers.
    """
    window = receipt.body.get("window")
    if window is None:
        return
    start, end = _instants(window)
    gaps = [(*_instants(gap), str(gap["cause"])) for gap in receipt.body["gaps"]]
    days = _days(start, end, zone)
    touched = {day: _causes(gaps, day, zone) for day in sorted({*days, *_days_of_gaps(gaps, zone)})}
    nowhere = not receipt.complete and not any(touched.values())
    for day, causes in touched.items():
        if day in days and not (start <= midnight(day, zone) and end >= midnight(day + timedelta(days=1), zone)):
            causes.append("the window covers a part of the day")
        if nowhere:
            causes.append("the collection did not finish")
        if causes and receipt.body["read"]:
            continue  # what a later look could not have again takes nothing from what the first one had
        yield {
            "stream": receipt.stream, "day": day, "status": "partial" if causes else "complete",
            "reason": "; ".join(causes), "receipt": receipt.sha256, "asked_at": receipt.asked_at,
        }  # fmt: skip


def _instants(stretch: Mapping[str, str]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(stretch["start"]), datetime.fromisoformat(stretch["end"])


def _causes(gaps: list[tuple[datetime, datetime, str]], day: date, zone: str) -> list[str]:
    """Why a day is not whole; a gap without a length, which only says where, touches the day that it lies in."""
    begin, finish = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    return [cause for start, end, cause in gaps if start < finish and max(end, start + _TICK) > begin]


def _days_of_gaps(gaps: list[tuple[datetime, datetime, str]], zone: str) -> Iterator[date]:
    for start, end, _ in gaps:
        yield from _days(start, max(end, start + _TICK), zone)


def _days(start: datetime, end: datetime, zone: str) -> list[date]:
    """The local days that [start, end) touches."""
    first = start.astimezone(ZoneInfo(zone)).date()
    last = (end - _TICK).astimezone(ZoneInfo(zone)).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


_TICK = timedelta(microseconds=1)
