"""What a source hands its answers to (evidence.sources.base.Keep): stores bodies, notes how each was seen.

- The body is stored before its sighting is noted; nothing of it is parsed.
- Of what came with it, the facts and headers of `evidence.capture` are noted and nothing else, without credentials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.canonical import sha256
from evidence.capture import FACTS, KEPT_HEADERS, Sighting
from evidence.credentials import redacted, redacted_facts
from evidence.objects import capture_key
from evidence.record_roots import capture_root, holds_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from evidence.objects import Objects
    from evidence.record_roots import CaptureRoot


class Keeper:
    """Stores the bodies of one collection; `sightings` are those so far, in their order, `roots` of their records.

    Args:
        objects: where bodies are stored.
        now: the time of asking.
        records: gives the texts of a body's records where they are to be provable.
    """

    def __init__(
        self, objects: Objects, *, now: datetime, records: Callable[[bytes], list[bytes]] | None = None
    ) -> None:
        self._objects, self._now, self._records = objects, now, records
        self._roots: dict[str, CaptureRoot] = {}
        self._checked: set[str] = set()  # captures that are known to be there as they were
        self.sightings: list[Sighting] = []

    def __call__(
        self,
        body: bytes,
        *,
        request: str,
        response: Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
    ) -> Sighting:
        """Keep `body`, whatever it is."""
        digest = sha256(body)
        self._objects.put("captures", body)
        self._checked.add(digest)
        seen = self._note(digest, len(body), request, response, context or {})
        if self._records is not None and digest not in self._roots and holds_records(seen.context, seen.response):
            self._roots[digest] = capture_root(digest, self._records(body))
        return seen

    def file(self, path: Path, digest: str, *, name: str) -> Sighting:
        """Keep a file of SHA-256 `digest`; it is held in memory only where its records are to be provable."""
        size = path.stat().st_size
        self._objects.put_file("captures", path, digest)
        self._checked.add(digest)
        if self._records is not None and digest not in self._roots:
            self._roots[digest] = capture_root(digest, self._records(self.body(digest)))
        return self._note(digest, size, f"FILE {name}", {}, {})

    @property
    def roots(self) -> list[CaptureRoot]:
        """Of each new body that holds records, the root over them."""
        return list(self._roots.values())

    def unchanged(
        self, capture: str, *, request: str, response: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Sighting:
        """Note that the earlier body `capture` is seen again; it must be there, as it was."""
        if capture not in self._checked:
            self.body(capture)
        return self._note(capture, 0, request, {**response, "not_modified": True}, context)

    def body(self, capture: str) -> bytes:
        """The bytes of an earlier capture, checked against its name."""
        data = self._objects.get(capture_key(capture))
        self._checked.add(capture)
        return data

    def _note(
        self, digest: str, size: int, request: str, response: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Sighting:
        noted = {name.lower(): value for name, value in response.items()}
        kept = redacted_facts({name: noted[name] for name in (*FACTS, *KEPT_HEADERS) if name in noted})
        facts = redacted_facts(context)
        sighting = Sighting(digest, size, redacted(request), facts, kept, self._now, len(self.sightings))
        self.sightings.append(sighting)
        return sighting
