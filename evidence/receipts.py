"""Receipts: what each says, under which key it lies, and that it always fits a ledger leaf.

- A key is one window, read and attempt of a stream, and no other; see `receipt_prefix`.
- A leaf holds 65,535 bytes. A cursor, totals or gaps that are too long for that are objects of their own, which the
  receipt names by digest: `{"object": "cursors/ab/ab….json"}`; read them through `evidence.custody.Custody`.
- Where the gaps are an object, `gaps` holds one gap from the first's start to the last's end, so that whoever reads
  the receipt alone takes too much for missing, never too little.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evidence.canonical import canonical, sha256
from evidence.capture import Gap
from evidence.credentials import holds_secret, redacted
from evidence.errors import ConfigError, IntegrityError, SourceRejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evidence.capture import Outcome, Window
    from evidence.objects import Objects

# Bytes of canonical JSON that may stand in a receipt; with the rest of it (below 1 KiB) they fit a leaf together:
# two cursors or a name, totals, gaps, collector.
INLINE = 8 * 1024  # of a cursor, and of the totals
GAPS = 16 * 1024
NAME = 16 * 1024
COLLECTOR = 4 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """One collection of one stream and window, as it is kept and logged.

    Attributes:
        key: where it lies in the store.
        sha256: digest of its canonical bytes; its name everywhere else.
        body: the statement: stream, window, read, attempt, asked_at, captures, index, cursor, totals, gaps, complete.
    """

    key: str
    sha256: str
    body: Mapping[str, Any]

    @property
    def stream(self) -> str:
        """Full stream name."""
        return str(self.body["stream"])

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was received."""
        return bool(self.body["complete"])

    @property
    def final(self) -> bool:
        """Whether asking for this window again can bring nothing more: all is here, or the gaps say what is lost."""
        return self.complete or bool(self.body["gaps"])

    @property
    def first_read(self) -> bool:
        """Whether this was the first asking for its window, not a re-read and not a file."""
        return self.body.get("read") == 0

    @property
    def asked_at(self) -> datetime:
        """When the source was asked."""
        return datetime.fromisoformat(self.body["asked_at"])


def parse_receipt(key: str, data: bytes) -> Receipt:
    """The receipt that lies under `key`; `IntegrityError` if these are not the bytes of one."""
    try:
        body = json.loads(data)
        whole = canonical(body) == data
    except (ValueError, RecursionError):
        body, whole = None, False
    stream = key.split("/")[1]
    if not whole or not isinstance(body, dict) or (body.get("kind"), body.get("stream")) != ("receipt", stream):
        raise IntegrityError(
            f"{key} holds no receipt in canonical form",
            next_step="The locker was edited: keep it as it is and compare with its copies.",
        )
    return Receipt(key, sha256(data), body)


def check_stream(stream: str) -> None:
    """`ConfigError` unless `stream` can be part of a key."""
    if not stream or len(stream) > NAME_LENGTH or stream.startswith(".") or set(stream) - _LETTERS:
        raise ConfigError(f"stream {stream!r} is no `system.stream` in letters, digits and _ . -")


NAME_LENGTH = 150
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def receipt_prefix(stream: str, window: Window, read: int) -> str:
    """What the keys of all attempts at one read of one window begin with."""
    return f"receipts/{stream}/{_compact(window.start)}_{_compact(window.end)}_r{read}_"


def file_key(stream: str, name: str, digest: str) -> str:
    """The key of the receipt of an imported file: of the bytes of this SHA-256 under this name."""
    return f"receipts/{stream}/import_{sha256(name.encode())[:32]}_{digest}.json"


def checked_name(name: str) -> str:
    """A file's name as a receipt can hold it; `ConfigError` if it is too long for that."""
    clean = redacted(name)
    if len(canonical(clean)) > NAME:
        raise ConfigError(
            f"the file name {clean[:60]!r}… is longer than the {NAME} bytes that a receipt holds",
            next_step="Rename the file, or import it from a folder with a shorter path.",
        )
    return clean


def inline(objects: Objects, folder: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """`value` itself if it is small, else the object that holds it."""
    data = canonical(dict(value))
    if len(data) <= INLINE and set(value) != {"object"}:
        return dict(value)
    return {"object": objects.put(folder, data, ".json")}


def read_inline(objects: Objects, held: Mapping[str, Any]) -> dict[str, Any]:
    """What `inline` was given."""
    return dict(json.loads(objects.get(held["object"]))) if set(held) == {"object"} else dict(held)


def outcome_facts(objects: Objects, stream: str, outcome: Outcome) -> dict[str, Any]:
    """What a receipt says of an outcome; objects are stored for what is too long.

    Raises:
        SourceRejected: the source's cursor or totals cannot be kept as JSON, or hold a credential.
    """
    if holds_secret(outcome.cursor):
        raise SourceRejected(
            f"{stream}: the source's cursor holds a credential, and receipts are public to auditors",
            next_step="Correct the source: a cursor says where to go on, not as whom.",
        )
    try:
        return {
            "cursor_after": inline(objects, "cursors", outcome.cursor),
            "totals": inline(objects, "totals", {redacted(name): n for name, n in outcome.totals.items()}),
            **_gaps(objects, outcome.gaps),
            "complete": outcome.complete and not outcome.gaps,
        }
    except ValueError as error:
        raise SourceRejected(
            f"{stream}: the source's cursor or totals cannot be kept: {error}",
            next_step="Correct the source: cursors and totals are JSON without floats and without integers past 2^53.",
        ) from error


def read_gaps(objects: Objects, receipt: Receipt) -> tuple[Gap, ...]:
    """Every gap of a receipt, one by one."""
    held = receipt.body["gaps"]
    if "gap_list" in receipt.body:
        held = json.loads(objects.get(receipt.body["gap_list"]["object"]))
    return tuple(map(Gap.from_json, held))


def _gaps(objects: Objects, gaps: Sequence[Gap]) -> dict[str, Any]:
    told = [{**gap.as_json(), "cause": redacted(gap.cause)} for gap in gaps]
    data = canonical(told)
    if len(data) <= GAPS:
        return {"gaps": told}
    key = objects.put("gaps", data, ".json")
    others = {gap.recoverable_from for gap in gaps}
    hull = Gap(
        min(gap.start for gap in gaps),
        max(gap.end for gap in gaps),
        f"{len(gaps)} gaps, listed in {key}; the first: {redacted(gaps[0].cause)[:200]}",
        others.pop()[:200] if len(others) == 1 else "",
    )
    return {"gaps": [hull.as_json()], "gap_list": {"object": key, "count": len(gaps)}}


def _compact(moment: datetime) -> str:
    """UTC as `20260701T040000Z`, with microseconds where there are any: two instants never look the same."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z").replace("-", "").replace(":", "")
