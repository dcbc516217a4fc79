"""Gap records: what of a stream is missing, why, whether it can still be had, and who else may know it.

- A gap is *lost* where a receipt says that the source no longer gave it, and *missed* where it was never received
  whole: never asked, or the collection did not finish. A missed stretch is lost when the source's retention is over.
- A gap is gone as soon as a receipt says that its window was received whole.
- The second source is the one that the gap names, else the stream's own. Whether that one was received whole over the
  stretch is said, not whether it says the same: comparing is a control's work.
- What no window reaches yet, because nothing was asked since, is told by `evidence.freshness`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap, instant
from evidence.freshness import gaps_told, holes, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from evidence.custody import Receipt
    from evidence.sources.base import Stream

LOST, MISSED = "lost", "missed"
COLUMNS: Mapping[str, str] = {
    "stream": "VARCHAR", "starts_at": "TIMESTAMPTZ", "ends_at": "TIMESTAMPTZ", "state": "VARCHAR", "cause": "VARCHAR",
    "lost_after": "TIMESTAMPTZ", "second_source": "VARCHAR", "second_source_whole": "BOOLEAN", "receipt": "VARCHAR",
    "noticed_at": "TIMESTAMPTZ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GapRecord:
    """One stretch of one stream that is missing.

    Attributes:
        stream: full name.
        starts_at, ends_at: the half-open stretch.
        state: `lost` or `missed`.
        cause: plain words.
        lost_after: of a missed stretch, until when the source keeps its beginning; None if it sets no limit.
        second_source: stream that may tell the same, or "".
        second_source_whole: whether that stream was received whole over the stretch.
        receipt: digest of the receipt that tells it; "" where the window was never asked.
        noticed_at: when that was.
    """

    stream: str
    starts_at: datetime
    ends_at: datetime
    state: str
    cause: str
    lost_after: datetime | None
    second_source: str
    second_source_whole: bool
    receipt: str
    noticed_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """As `status --json` prints it."""
        return {
            "start": instant(self.starts_at), "end": instant(self.ends_at), "state": self.state, "cause": self.cause,
            "lost_after": instant(self.lost_after) if self.lost_after else None, "second_source": self.second_source,
            "second_source_whole": self.second_source_whole,
        }  # fmt: skip

    def as_row(self) -> dict[str, Any]:
        """As a row with `COLUMNS`."""
        return {name: getattr(self, name) for name in COLUMNS}


def gap_records(receipts: Mapping[str, Sequence[Receipt]], streams: Mapping[str, Stream]) -> list[GapRecord]:
    """Every gap, by stream and time.

    Args:
        receipts: of every stream, by its name.
        streams: what is known of the streams that can be asked; others have neither retention nor second source.
    """
    return [record for name in sorted(receipts) for record in _of(name, receipts, streams.get(name))]


def _of(name: str, receipts: Mapping[str, Sequence[Receipt]], stream: Stream | None) -> Iterator[GapRecord]:
    asked = [receipt for receipt in receipts[name] if receipt.body.get("window")]
    found: list[tuple[Gap, str, Receipt | None]] = []
    for gap, receipt in gaps_told(asked):
        found.append((gap, LOST if receipt.body["gaps"] else MISSED, receipt))
    found += [(Gap(start, end, "it was never asked"), MISSED, None) for start, end in holes(asked)]
    for gap, state, told_by in sorted(found, key=lambda item: (item[0].start, item[0].end, item[0].cause)):
        second = gap.recoverable_from or (stream.second_source if stream else "")
        kept = stream.retention if stream else None
        yield GapRecord(
            name, gap.start, gap.end, state, gap.cause, gap.start + kept if state == MISSED and kept else None,
            second, _whole(receipts.get(second, ()), gap), told_by.sha256 if told_by else "",
            told_by.asked_at if told_by else None,
        )  # fmt: skip


def _whole(receipts: Sequence[Receipt], gap: Gap) -> bool:
    """Whether complete windows cover the stretch without a hole."""
    reached = gap.start
    windows = sorted(window_of(receipt) for receipt in receipts if receipt.complete and receipt.body.get("window"))
    for start, end in windows:
        if start <= reached < end:
            reached = end
    return bool(windows) and reached >= gap.end > gap.start
