"""A home: the locker, the lake and the configuration of one company, opened together.

Layout below `config.home_path`: `locker/` (file store), `lake/`, `cache/` (copies of remote objects), `log/` (state of
the ledger), `keys/`, `packs/`, `dagster/`, `scratch/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evidence.custody import Custody
from evidence.ledger.log import Log
from evidence.stores.registry import open_store
from warehouse.build import Builder
from warehouse.connect import connect
from warehouse.lake import Lake, arrow_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import duckdb

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
        if url.startswith("file:") and not url.startswith("file:/"):
            url = f"file:{self.path / url.removeprefix('file:')}"
        return open_store(url, cache=self.path / "cache", environ=self.environ)

    @cached_property
    def custody(self) -> Custody:
        """The locker's receipts."""
        return Custody(self.store, collector=self.collector, retain_until=self.retain_until)

    @cached_property
    def log(self) -> Log:
        """The ledger that receipts are published to."""
        return Log.open(self.store, self.path / "log", self.config.log_origin, retain_until=self.retain_until)

    @cached_property
    def lake(self) -> Lake:
        """The tables."""
        return Lake(self.path / "lake")

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

    Imports of files have no window and say nothing: whoever exported a file states elsewhere what it covers.
    """
    window = receipt.body.get("window")
    if window is None:
        return
    start, end = (datetime.fromisoformat(window[side]) for side in ("start", "end"))
    gaps = [
        (datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"]), gap["cause"])
        for gap in receipt.body["gaps"]
    ]
    for day in _days(start, end, zone):
        begin = datetime.combine(day, datetime.min.time(), tzinfo=ZoneInfo(zone))
        finish = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=ZoneInfo(zone))
        causes = [cause for gap_start, gap_end, cause in gaps if gap_start < finish and gap_end > begin]
        whole = start <= begin and end >= finish
        if not whole:
            causes.append("the window covers a part of the day")
        if not receipt.complete and not gaps:
            causes.append("the collection did not finish")
        if causes and receipt.body.get("read"):
            continue  # what a later look could not have again takes nothing from what the first one had
        yield {
            "stream": receipt.stream, "day": day, "status": "partial" if causes else "complete",
            "reason": "; ".join(causes), "receipt": receipt.sha256,
            "asked_at": datetime.fromisoformat(receipt.body["asked_at"]),
        }  # fmt: skip


def _days(start: datetime, end: datetime, zone: str) -> Iterator[date]:
    day = start.astimezone(ZoneInfo(zone)).date()
    while datetime.combine(day, datetime.min.time(), tzinfo=ZoneInfo(zone)) < end:
        yield day
        day += timedelta(days=1)
