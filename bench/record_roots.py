"""Measure what provable records add to collection: `python -m bench.record_roots`.

- The same bodies are kept with and without roots over their records, in a real folder, made durable: pages of a hundred
  records as GitHub gives them, and files of ten thousand lines as Vault and Kubernetes write them.
- Then a proof of one record: made from the locker and the log, and verified.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.keeper import Keeper
from evidence.objects import Objects
from evidence.record_roots import receipt_facts
from evidence.stores.file import FileStore
from warehouse.provable import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def record(number: int) -> dict[str, object]:
    """About 600 bytes, as an API gives them."""
    return {
        "id": number, "sha": f"{number:040x}", "state": "closed", "title": f"Change number {number} of the service",
        "user": {"login": f"engineer-{number % 12}", "id": number % 12, "type": "User"}, "labels": [],
        "created_at": "2026-07-01T08:00:00Z", "updated_at": "2026-07-01T09:00:00Z", "body": "Because. " * 30,
    }  # fmt: skip


def pages(count: int, of: int) -> list[bytes]:
    """JSON arrays."""
    return [json.dumps([record(page * of + n) for n in range(of)]).encode() for page in range(count)]


def files(count: int, of: int) -> list[bytes]:
    """NDJSON."""
    return ["".join(json.dumps(record(page * of + n)) + "\n" for n in range(of)).encode() for page in range(count)]


def kept(bodies: list[bytes], records: Callable[[bytes], list[bytes]] | None) -> tuple[float, float]:
    """Seconds to keep the bodies and state their roots: by the clock, and of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(Path(folder) / "store")
        keeper = Keeper(Objects(store), now=NOW, records=records)
        begun, spent = time.perf_counter(), time.process_time()
        with store.batch():
            for number, body in enumerate(bodies):
                keeper(body, request=f"GET /{number}", response={"status": 200})
            receipt_facts(keeper.roots)
        return time.perf_counter() - begun, time.process_time() - spent


def main() -> None:
    """Print one line per form: medians of five."""
    for name, stream, bodies, records in [
        ("1,000 pages of 100", "github.pull_requests", pages(1000, 100), 100_000),
        ("10 files of 10,000", "vault.audit", files(10, 10_000), 100_000),
    ]:
        plain, timed = (
            [sorted(times)[2] for times in zip(*(kept(bodies, how) for _ in range(5)), strict=True)]
            for how in (None, texts_of(stream))
        )
        size = sum(map(len, bodies)) / 1e6
        print(
            f"{name}: {size:.0f} MB, {plain[0]:.2f} s without, {timed[0]:.2f} s with; of the processor"
            f" {plain[1]:.2f} and {timed[1]:.2f} s: {1e6 * (timed[1] - plain[1]) / records:.1f} us a record"
        )


if __name__ == "__main__":
    main()
