"""Listings that GitHub gives newest first, read down to what is known already.

- GitHub cannot be asked "what changed between A and B", only "newest first": a collection takes everything that
  changed since its window's start, and the cursor says from where to where nothing can be missing.
- A cursor covers one unbroken stretch. A window before it reads down to that window; one after it reads down to its
  end, so that no hole is left between.
- The end of the stretch is read again by `LATENESS`; what is listed there with the same token is known already. A
  token is trusted only once it was quiet for `SETTLED`: two changes may carry the same second.
- A listing is trusted to be in order only as far as it is seen to be: where it is not, it is read to its end.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from evidence.capture import instant
from evidence.errors import SourceRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from evidence.sources.github.inquiry import Inquiry, Question

LATENESS = timedelta(hours=1)
SETTLED = timedelta(minutes=2)
_LEAST, _MOST = 3, 100  # records of a page


class Row(NamedTuple):
    """What a listing tells of one record: its id, its instant in the listing's order, and what changes when it does."""

    id: int
    at: datetime
    token: str
    detail: Any = None


def horizon(state: Mapping[str, Any], start: datetime) -> datetime:
    """How far down a listing must be read, given a feed's cursor `state` ({} at first) and the window's start."""
    wanted = start - LATENESS
    if not state or datetime.fromisoformat(state["from"]) > wanted:
        return wanted
    return datetime.fromisoformat(state["to"]) - LATENESS


def page_size(state: Mapping[str, Any]) -> int:
    """How many records to ask for on a page: about twice what was new last time, so that little is kept twice."""
    return min(_MOST, 2 * int(state["news"]) + _LEAST) if state else _MOST


def listed(inquiry: Inquiry, question: Question, row: Callable[[Any], Row], down_to: datetime) -> list[Row]:
    """The rows of a listing down to an instant, each id once (as last seen)."""
    rows: dict[int, Row] = {}
    newest_first, last = True, datetime.max.replace(tzinfo=UTC)
    for page in inquiry.pages(question):
        for item in page.items:
            found = row(item)
            newest_first = newest_first and (found.at <= last or found.id in rows)
            last = found.at
            rows[found.id] = found
        if newest_first and page.items and last < down_to:
            break
    return list(rows.values())


def news(
    state: Mapping[str, Any], rows: Iterable[Row], start: datetime, now: datetime
) -> tuple[list[Row], dict[str, Any]]:
    """The rows that are not known yet, and the cursor after they are taken."""
    down_to = horizon(state, start)
    known = state.get("recent", {})
    listed_rows = [row for row in rows if row.at >= down_to]
    taken = [row for row in listed_rows if known.get(str(row.id)) != row.token]
    begin = min(start - LATENESS, datetime.fromisoformat(state["from"])) if state else start - LATENESS
    end = max([row.at for row in listed_rows] + [datetime.fromisoformat(state["to"]) if state else start - LATENESS])
    recent = {str(row.id): row.token for row in listed_rows if row.at >= end - LATENESS and row.at < now - SETTLED}
    return taken, {"from": instant(begin), "to": instant(end), "recent": recent, "news": len(listed_rows)}


def when(item: Mapping[str, Any], *names: str, otherwise: datetime) -> datetime:
    """The first of the named times that the item has; `otherwise` (so that it is looked at) if it has none."""
    for name in names:
        text = item.get(name)
        if isinstance(text, str) and text:
            try:
                return datetime.fromisoformat(text).astimezone(UTC)
            except ValueError:
                continue
    return otherwise


def identity(item: Any, name: str, question: str) -> int:
    """The whole number by which a listed item is asked for.

    Raises:
        SourceRejected: if it has none: we could not ask for it, and must not pass over it.
    """
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, int):
        raise SourceRejected(
            f"{question}: a listed item has no whole number {name!r} but {value!r}",
            next_step="Compare the kept listing with GitHub's documentation: its format may have changed.",
        )
    return value
