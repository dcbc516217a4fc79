"""Legal holds: what a stream brought about a period cannot be removed, whatever its retention, until it is released.

- A hold covers receipts, their indexes, captures and what they name beside them. It is stated in the ledger first and
  put on the objects then; a crash in between leaves a hold that the same command completes.
- What arrives later and falls under a hold that is in force is put under it by `extend`, which the day's job calls.
- A release needs a person and a reason, is stated too, and lifts nothing that another hold in force covers. Nothing is
  deleted by it: the retention of each object stays, and there is no verb that deletes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from evidence.canonical import canonical, sha256
from evidence.errors import ConfigError
from evidence.ledger.statements import Hold
from evidence.objects import capture_key
from evidence.receipts import check_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evidence.custody import Receipt
    from evidence.ledger.statements import CodeIdentity
    from evidence.periods import Period
    from warehouse.home import Home

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_OBJECTS = ("cursor_before", "cursor_after", "totals", "gap_list")


@dataclass(frozen=True, slots=True)
class Held:
    """A hold as the ledger has it last.

    Attributes:
        name: what people call it.
        stream: the stream it is on; None for all.
        start: first instant of its period; None for all time.
        end: first instant after it.
        in_force: False once it was released.
        by: who placed or released it.
        reason: why.
        at: when that was stated.
        objects: how many objects it covered then.
        digest: SHA-256 of their keys, of a hold in force.
    """

    name: str
    stream: str | None
    start: datetime | None
    end: datetime | None
    in_force: bool
    by: str
    reason: str
    at: str
    objects: int
    digest: str | None

    @property
    def scope(self) -> tuple[str | None, datetime | None, datetime | None]:
        """What it is on."""
        return self.stream, self.start, self.end


def holds(home: Home) -> dict[str, Held]:
    """Every hold that was ever placed, by name, as it stands."""
    found: dict[str, Held] = {}
    home.log.refresh()
    for value in home.log.stated("hold"):
        found[value["hold"]] = _held(value)
    return found


def place(
    home: Home, name: str, *, stream: str | None, period: Period | None, by: str, reason: str, code: CodeIdentity,
    now: datetime,
) -> Held:  # fmt: skip
    """Place the hold `name`, or complete and extend it if it is in force on the same.

    Raises:
        ConfigError: the name is none or taken, a stream brought nothing, or nobody or no reason is given.
    """
    _check(name, by, reason)
    if stream is not None:
        check_stream(stream)
    scope = (stream, period.start if period else None, period.end if period else None)
    known = holds(home).get(name)
    if known is not None and known.scope != scope:
        raise ConfigError(f"the hold {name!r} is taken, on something else", next_step="Give this one another name.")
    keys = _keys(home, *scope)
    if not keys:
        raise ConfigError(
            f"nothing was received that the hold {name!r} could keep", next_step="`evidence status` lists the streams."
        )
    if known is None or not known.in_force or known.digest != _digest(keys):
        _state(
            home, Hold(name, _prefix(stream), True, by, reason, scope[1], scope[2], len(keys), _digest(keys)), code, now
        )
    _put(home, keys, hold=True)
    return holds(home)[name]


def release(home: Home, name: str, *, by: str, reason: str, code: CodeIdentity, now: datetime) -> Held:
    """Release the hold `name`; what another one in force covers stays under it.

    Raises:
        ConfigError: there is no such hold, or nobody or no reason is given.
    """
    _check(name, by, reason)
    known = holds(home)
    if name not in known:
        raise ConfigError(
            f"there is no hold {name!r}; there are: {', '.join(sorted(known)) or 'none'}",
            next_step="`evidence hold list` shows them.",
        )
    held = known[name]
    keys = _keys(home, *held.scope)
    if held.in_force:
        _state(home, Hold(name, _prefix(held.stream), False, by, reason, held.start, held.end, len(keys)), code, now)
    others = [_keys(home, *other.scope) for other in known.values() if other.in_force and other.name != name]
    _put(home, keys.difference(*others), hold=False)
    return holds(home)[name]


def extend(home: Home, *, code: CodeIdentity, now: datetime) -> list[Held]:
    """Put what arrived since under the holds in force; those that grew."""
    grown = []
    for held in holds(home).values():
        if held.in_force and held.digest != _digest(keys := _keys(home, *held.scope)):
            again = Hold(
                held.name,
                _prefix(held.stream),
                True,
                held.by,
                held.reason,
                held.start,
                held.end,
                len(keys),
                _digest(keys),
            )
            _state(home, again, code, now)
            _put(home, keys, hold=True)
            grown.append(held)
    return grown


def _state(home: Home, hold: Hold, code: CodeIdentity, now: datetime) -> None:
    home.log.append([hold.encode(now, code)])


def _put(home: Home, keys: Iterable[str], *, hold: bool) -> None:
    for key in sorted(keys):
        if home.store.retention(key).legal_hold is not hold:
            home.store.retain(key, legal_hold=hold)


def _keys(home: Home, stream: str | None, start: datetime | None, end: datetime | None) -> set[str]:
    """The objects that a hold covers as the locker is now."""
    found: set[str] = set()
    for receipt in home.custody.receipts(stream):
        if _touches(receipt, start, end):
            found |= {receipt.key, receipt.body["index"], *_named(receipt)}
            found |= {capture_key(sighting.capture) for sighting in home.custody.sightings(receipt)}
    return found


def _touches(receipt: Receipt, start: datetime | None, end: datetime | None) -> bool:
    """Whether a receipt is of the period: by its window; a file, which has none, is kept whatever it is about."""
    window = receipt.body.get("window")
    if start is None or end is None or window is None:
        return True
    return datetime.fromisoformat(window["start"]) < end and datetime.fromisoformat(window["end"]) > start


def _named(receipt: Receipt) -> Iterator[str]:
    for name in _OBJECTS:
        value = receipt.body.get(name)
        if isinstance(value, dict) and isinstance(value.get("object"), str):
            yield value["object"]


def _prefix(stream: str | None) -> str:
    return f"receipts/{stream}/" if stream else "receipts/"


def _digest(keys: Iterable[str]) -> str:
    return sha256(canonical(sorted(keys)))


def _held(value: dict[str, object]) -> Held:
    start, end = (
        datetime.fromisoformat(str(value[name])) if name in value else None for name in ("period_start", "period_end")
    )
    stream = str(value["prefix"]).removeprefix("receipts/").rstrip("/")
    digest = str(value["objects_sha256"]) if "objects_sha256" in value else None
    return Held(
        str(value["hold"]), stream or None, start, end, bool(value["placed"]), str(value["by"]), str(value["reason"]),
        str(value["at"]), int(str(value.get("objects", 0))), digest,
    )  # fmt: skip


def _check(name: str, by: str, reason: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a hold: letters, digits and . _ -, at most 80, no - in front")
    if not by.strip() or not reason.strip():
        raise ConfigError("a hold names a person and a reason", next_step="Give --by and --reason.")
