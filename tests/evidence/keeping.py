"""A `Keep` in memory, for tests of sources: what was kept, how it was seen, and the records in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evidence.canonical import canonical, sha256
from evidence.capture import Sighting
from evidence.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)


class Keeping:
    """Bodies by digest, and the sightings of one collection."""

    def __init__(self, bodies: dict[str, bytes] | None = None) -> None:
        self.bodies = {} if bodies is None else bodies
        self.sightings: list[Sighting] = []

    def __call__(
        self, body: bytes, *, request: str, response: Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> Sighting:
        digest = sha256(body)
        self.bodies[digest] = body
        return self._note(digest, request, response, context or {})

    def unchanged(
        self, capture: str, *, request: str, response: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Sighting:
        return self._note(capture, request, {**response, "not_modified": True}, context)

    def body(self, capture: str) -> bytes:
        if capture not in self.bodies:
            raise StoreError(f"there is no capture {capture}")
        return self.bodies[capture]

    def again(self) -> Keeping:
        """The same store, for the next collection."""
        return Keeping(self.bodies)

    @property
    def requests(self) -> list[str]:
        """What was asked, in order."""
        return [sighting.request for sighting in self.sightings]

    def usable(self) -> list[Sighting]:
        """The sightings whose bodies hold records."""
        return [s for s in self.sightings if not s.context.get("_listing") and "unusable" not in s.response]

    def records(self) -> set[str]:
        """Every record once, with its context (its time of asking aside), as canonical text."""
        found: set[str] = set()
        for sighting in self.usable():
            value = json.loads(self.bodies[sighting.capture])
            lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else [value]
            items = lists[0] if len(lists) == 1 and (not isinstance(value, dict) or "total_count" in value) else [value]
            context = {k: v for k, v in sighting.context.items() if k != "_as_of"}
            found |= {canonical({"context": context, "record": item}).decode() for item in items}
        return found

    def _note(self, digest: str, request: str, response: Mapping[str, Any], context: Mapping[str, Any]) -> Sighting:
        size = len(self.bodies[digest])
        canonical([dict(response), dict(context)])  # an index line must be able to hold both
        seen = Sighting(digest, size, request, dict(context), dict(response), NOW, len(self.sightings))
        self.sightings.append(seen)
        return seen
