"""`evidence import STREAM PATH…`: take files that somebody exported, in any form that real systems use."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.home import add_home_arguments, now, open_home

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from warehouse.build import Quarantined
    from warehouse.importing import Taken

NAME = "import"
HELP = "take files that somebody exported: keep their bytes, build their records, say what became of each"

_COUNTS = ("received", "stored", "versions", "duplicate", "conflict", "quarantined")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The stream, the files, and how to tell."""
    add_home_arguments(parser)
    parser.add_argument("stream", metavar="STREAM", help="stream, by full name or alias: github.audit_log, gh.audit, …")
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="file, or folder with files")
    parser.add_argument("--json", action="store_true", help="one array, an object per file")
    parser.add_argument("--quarantine", action="store_true", help="list what was quarantined, with position and reason")


def run(args: argparse.Namespace) -> int:
    """Import; 0 when it completed, whatever was quarantined."""
    from warehouse.importing import files_of, take_files  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.sheets import sheet_of  # noqa: PLC0415 - as above

    sheet_of(args.stream)  # a stream that is not known is said before anything is opened
    files = [(path, path.as_posix()) for path in files_of(args.paths)]
    home = open_home(args)
    home.store.check_writable()
    builder = home.builder()
    taken = take_files(home.custody, builder, args.stream, files, now=now(), log=home.log)
    refused = {t.file: builder.quarantined(t.receipt) for t in taken if t.counts.quarantined}
    print(_as_json(taken, refused, args) if args.json else _as_text(taken, refused, args))
    return 0


def _as_json(taken: Sequence[Taken], refused: dict[str, list[Quarantined]], args: argparse.Namespace) -> str:
    objects: list[dict[str, Any]] = []
    for item in taken:
        extra = {"quarantine": [asdict(q) for q in refused.get(item.file, [])]} if args.quarantine else {}
        objects.append(item.as_json() | extra)
    return json.dumps(objects, indent=1, ensure_ascii=False)


def _as_text(taken: Sequence[Taken], refused: dict[str, list[Quarantined]], args: argparse.Namespace) -> str:
    lines = [" ".join(f"{name:>11}" for name in _COUNTS) + "  file"]
    for item in taken:
        counts = asdict(item.counts)
        lines.append(" ".join(f"{counts[name]:>11,}" for name in _COUNTS) + f"  {item.file}")
    total = {name: sum(asdict(item.counts)[name] for item in taken) for name in _COUNTS}
    lines.append(" ".join(f"{total[name]:>11,}" for name in _COUNTS) + f"  {len(taken)} file(s) of {taken[0].stream}")
    if args.quarantine:
        lines += [
            f"{file}: record {q.record} at {q.position}: {q.reason}" for file, items in refused.items() for q in items
        ]
    elif refused:
        lines.append(f"{total['quarantined']} record(s) quarantined; --quarantine lists them with position and reason.")
    return "\n".join(lines)
