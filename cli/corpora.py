"""`make corpora`: import every recorded file of a folder alone into an empty home, and compare the counts.

- The folder's `files.csv` says which stream a file belongs to, and how many records it holds where that is certain.
- Files of streams that have no sheet are listed as left out, never silently.
- Writes `var/corpora.json`: the array of `import --json`, sorted by file, paths relative to the folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.home import now
from evidence.errors import ConfigError
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Sequence

PROCESSES = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Import each file alone; 1 if a file does not balance or its records are not those that `files.csv` counts."""
    parser = argparse.ArgumentParser(prog="make corpora", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/corpora"), help="folder with files.csv")
    parser.add_argument("--out", type=Path, default=Path("var/corpora.json"), help="where the array is written")
    args = parser.parse_args(argv)
    wanted = _wanted(args.folder)
    known = [row for row in wanted if row["stream"] in sheets()]
    # A fork would take along locks and half-collected objects of the parent's threads.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        tasks = [(str(args.folder), row["file"], row["stream"]) for row in known]
        results = list(pool.map(_import_alone, tasks, chunksize=8))
    results.sort(key=lambda item: str(item["file"]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return _report(results, {row["file"]: row for row in wanted}, args.out)


def _wanted(folder: Path) -> list[dict[str, str]]:
    listing = folder / "files.csv"
    if not listing.is_file():
        raise ConfigError(f"{listing} is not there", next_step="Name the folder that holds files.csv.")
    with listing.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _import_alone(task: tuple[str, str, str]) -> dict[str, Any]:
    from evidence.custody import Custody  # noqa: PLC0415 - every verb looks at this module on its way
    from evidence.stores.file import FileStore  # noqa: PLC0415
    from warehouse.build import Builder  # noqa: PLC0415
    from warehouse.importing import take_files  # noqa: PLC0415
    from warehouse.lake import Lake  # noqa: PLC0415

    folder, name, stream = task
    with tempfile.TemporaryDirectory(prefix="corpora-") as home:
        root = Path(home)
        custody = Custody(FileStore(root / "locker"), collector={"name": "corpora"})
        builder = Builder(custody, Lake(root / "lake"), zone="UTC", scratch=root)
        (taken,) = take_files(custody, builder, stream, [(Path(folder) / name, name)], now=now())
    return taken.as_json()


def _report(results: Sequence[dict[str, Any]], wanted: dict[str, dict[str, str]], out: Path) -> int:
    wrong = []
    for item in results:
        counts = "  ".join(
            f"{key} {item[key]}" for key in ("received", "stored", "duplicate", "conflict", "quarantined")
        )
        print(f"{item['file']}  {item['stream']}  {counts}")
        expected = wanted[item["file"]]["records"]
        if item["received"] != sum(item[key] for key in ("stored", "duplicate", "conflict", "quarantined")):
            wrong.append(f"{item['file']}: does not balance")
        if expected and int(expected) != item["received"]:
            wrong.append(f"{item['file']}: {expected} records expected, {item['received']} received")
    left_out = sorted({row["stream"] for row in wanted.values()} - set(sheets()))
    received, stored, refused = (sum(item[key] for item in results) for key in ("received", "stored", "quarantined"))
    print(f"{len(results)} files, {received:,} records received, {stored:,} stored, {refused:,} quarantined: {out}")
    print(f"{len(wanted) - len(results)} files of streams without a sheet left out: {', '.join(left_out)}")
    print("\n".join(wrong) or "Every file balances, and has the records that files.csv counts.")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConfigError as error:
        sys.exit(f"make corpora: {error} {error.next_step}")
