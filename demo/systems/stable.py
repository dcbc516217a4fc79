"""Values that follow from names, the same in every process, and times as the systems write them."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def digest(*parts: object) -> bytes:
    """32 bytes that follow from the parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def number(low: int, high: int, *parts: object) -> int:
    """An integer of [low, high) that follows from the parts."""
    return low + int.from_bytes(digest(*parts)[:8], "big") % (high - low)


def guid(*parts: object) -> str:
    """A UUID that follows from the parts."""
    return str(uuid.UUID(bytes=digest(*parts)[:16], version=4))


def iso(at: datetime) -> str:
    """Whole seconds, `2026-07-01T04:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(at: datetime | None, now: datetime) -> str | None:
    """An instant that is known by `now`, else None."""
    return iso(at) if at is not None and at <= now else None


def micros(at: datetime) -> str:
    """Six fraction digits, `2026-07-01T04:00:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def nanos(at: datetime) -> int:
    """Nanoseconds since 1970."""
    return ((at - _EPOCH) // _MICROSECOND) * 1000


def nanos_text(ns: int) -> str:
    """Go's RFC 3339: up to nine fraction digits, trailing zeros cut, `2026-07-01T04:00:00.36089379Z`."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09}".rstrip("0").rstrip(".") + "Z"
