"""Measure the ledger: a day's append, a proof, and a million leaves streamed by tile. `python -m bench.ledger`.

- Every case runs in a process of its own, so that its peak memory is its own; stores are real folders, made durable.
- `tree` builds and writes all tiles and bundles of a million statements; `log` appends them with everything that an
  append does (canonical check, duplicates, batches, state); `rebuild` opens that log with its state lost.
- The alternative is `whole`: the same tiles from a tree that is held in memory and written when it is done, as a log
  would be that is made once a day from all it holds.
- Processor time stands beside the clock's: on a busy machine it is what the case itself took.
- What provable records add to collection is `bench.record_roots`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import multiprocessing
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.ledger import keys
from evidence.ledger.log import Log
from evidence.ledger.tiles import TILE_WIDTH, TilePath, encode_entries
from evidence.ledger.tree import Frontier, fold
from evidence.stores.file import FileStore
from evidence.verify.formats.policy import parse_policy
from evidence.verify.formats.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORIGIN = "bench.example/log"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
CHUNK = 16_384


def statements(start: int, end: int) -> list[bytes]:
    """Canonical statements of a receipt's rough shape, about 190 bytes each."""
    return [
        b'{"captures":1,"kind":"receipt","n":%d,"sha256":"%064x","stream":"github.pull_requests","window":'
        b'{"end":"2026-07-02T00:00:00Z","start":"2026-07-01T00:00:00Z"}}' % (n, n)
        for n in range(start, end)
    ]


def chunks(total: int) -> Iterator[list[bytes]]:
    """Statements in bounded memory."""
    for start in range(0, total, CHUNK):
        yield statements(start, min(start + CHUNK, total))


def day(folder: Path) -> str:
    """Append 1,000 statements, sign, and prove one, in a log that holds 20,000."""
    log = Log.open(FileStore(folder / "store"), folder / "state", ORIGIN)
    log.append(statements(0, 20_000))
    signer = keys.generate(folder / "key", ORIGIN)
    new = statements(20_000, 21_000)
    begun = time.perf_counter()
    log.append(new)
    appended = time.perf_counter()
    log.checkpoint(signer, NOW)
    signed = time.perf_counter()
    cold = Log.open(FileStore(folder / "store"), folder / "state", ORIGIN)
    opened = time.perf_counter()
    proof = cold.inclusion(12_345)
    first = time.perf_counter()
    for index in range(0, 21_000, 21):
        cold.inclusion(index)
    done = time.perf_counter()
    policy = parse_policy(f"log {keys.log_key(signer).vkey}\nquorum none\n".encode())
    Proof.parse(proof).verify(statements(12_345, 12_346)[0], policy)
    verified = time.perf_counter()
    return (
        f"append 1,000: {appended - begun:.3f} s; checkpoint {1e3 * (signed - appended):.1f} ms; "
        f"open {1e3 * (opened - signed):.1f} ms; first proof {1e3 * (first - opened):.2f} ms, then "
        f"{(done - first):.3f} ms each; verifying one {1e3 * (verified - done):.2f} ms"
    )


def tree(folder: Path) -> str:
    """Build and write the tiles and bundles of a million statements."""
    store, frontier = FileStore(folder / "store"), Frontier()
    spent = 0.0
    with store.batch():
        for chunk in chunks(1_000_000):
            begun = time.perf_counter()
            for path, data in frontier.extend(chunk):
                store.put(f"ledger/{path}", data)
            spent += time.perf_counter() - begun
        begun = time.perf_counter()
    return f"{spent + time.perf_counter() - begun:.2f} s, root {frontier.root().hex()[:16]}"


def whole(folder: Path) -> str:
    """The alternative to `tree`: all hashes of all levels in memory, then every tile and bundle written."""
    store = FileStore(folder / "store")
    held = [statement for chunk in chunks(1_000_000) for statement in chunk]
    begun, level = time.perf_counter(), 0
    with store.batch():
        for index in range(len(held) // TILE_WIDTH):
            bundle = held[index * TILE_WIDTH : (index + 1) * TILE_WIDTH]
            store.put(f"ledger/{TilePath(-1, index)}", encode_entries(bundle))
        hashes = [hashlib.sha256(b"\x00" + statement).digest() for statement in held]
        while len(hashes) >= TILE_WIDTH:
            tiles = [hashes[n : n + TILE_WIDTH] for n in range(0, len(hashes), TILE_WIDTH)]
            full = [tile for tile in tiles if len(tile) == TILE_WIDTH]
            for index, tile in enumerate(full):
                store.put(f"ledger/{TilePath(level, index)}", b"".join(tile))
            hashes, level = [fold(tile) for tile in full], level + 1
    return f"{time.perf_counter() - begun:.2f} s"


def log(folder: Path) -> str:
    """Append a million statements to a log, then open it with its state lost."""
    ledger = Log.open(FileStore(folder / "store"), folder / "state", ORIGIN)
    spent = 0.0
    for chunk in chunks(1_000_000):
        begun = time.perf_counter()
        ledger.append(chunk)
        spent += time.perf_counter() - begun
    return f"{spent:.2f} s, root {ledger.root().hex()[:16]}"


def rebuild(folder: Path) -> str:
    """Open the log of `log` with an empty state."""
    begun = time.perf_counter()
    ledger = Log.open(FileStore(folder / "store"), folder / "lost", ORIGIN)
    return f"{time.perf_counter() - begun:.2f} s, {ledger.size:,} statements, root {ledger.root().hex()[:16]}"


def run(case: Callable[[Path], str], folder: Path) -> None:
    """One case, with the process's peak memory."""
    begun = time.process_time()
    result = case(folder)
    spent, peak = time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{case.__name__:8s} {result}; processor {spent:.2f} s in all; peak {peak:.0f} MiB", flush=True)


def main() -> None:
    """Run the cases named on the command line, or all of them."""
    wanted = sys.argv[1:] or ["day", "tree", "whole", "log", "rebuild"]
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"cryptography {importlib.metadata.version('cryptography')}")
    context = multiprocessing.get_context("spawn")
    folder = Path(tempfile.mkdtemp(prefix="ledger-bench-"))
    try:
        for case in (day, tree, whole, log, rebuild):
            if case.__name__ in wanted:
                place = folder / ("log" if case is rebuild else case.__name__)
                place.mkdir(exist_ok=True)
                process = context.Process(target=run, args=(case, place))
                process.start()
                process.join()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
