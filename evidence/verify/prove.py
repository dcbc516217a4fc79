"""The command line of record proofs: `python -m evidence.verify.prove PROOF.json --trust FILE`.

Exit codes: 0 the proof holds, 1 it does not, 2 wrong usage (a file is absent, the trust file is malformed).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.verify.errors import UsageError
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.record import verify_record
from evidence.verify.trust import parse_trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evidence.verify.record import Proven
    from evidence.verify.trust import Trust

_OPEN = (
    "That the source told the truth, or that no other record was dropped before it was received.",
    "That the record means what a table or a verdict makes of it: follow it with `evidence trace`.",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Verify the proof that `argv` names, print what it shows, and return the exit code."""
    parser = argparse.ArgumentParser(prog="evidence verify-proof", description="Verify a proof of one record, offline.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments, for whichever command line calls it."""
    parser.add_argument("proof", type=Path, metavar="PROOF.json")
    parser.add_argument("--trust", type=Path, required=True, metavar="FILE", help="the trust file, got apart from it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Verify, print, and return the exit code."""
    try:
        proof = _bytes(arguments.proof).removesuffix(b"\n")
        trust = _trust(arguments.trust)
    except UsageError as error:
        sys.stderr.write(f"evidence verify-proof: {error}\n")
        return 2
    try:
        found = verify_record(proof, trust)
    except (FormatError, ProofError) as error:
        sys.stdout.write(
            json.dumps({"ok": False, "reason": str(error)}) + "\n"
            if arguments.json
            else f"{arguments.proof.name}: FAILED: {error}\n"
        )
        return 1
    sys.stdout.write(json.dumps(_json(found, trust), indent=2) + "\n" if arguments.json else _told(found, trust))
    return 0


def _json(found: Proven, trust: Trust) -> dict[str, object]:
    head = found.accepted.checkpoint
    return {
        "ok": True, "record": found.record, "capture": found.capture, "number": found.number, "count": found.count,
        "stream": found.receipt.get("stream"), "window": found.receipt.get("window"),
        "asked_at": found.receipt.get("asked_at"), "log": head.origin, "log_size": head.size,
        "witnesses": {name: when.isoformat() for name, when in sorted(found.accepted.witnesses.items())},
        "does_not_prove": _open(trust),
    }  # fmt: skip


def _told(found: Proven, trust: Trust) -> str:
    window = found.receipt.get("window") or {}
    head = found.accepted.checkpoint
    cosigned = ", ".join(f"{name} at {when:%Y-%m-%d %H:%MZ}" for name, when in sorted(found.accepted.witnesses.items()))
    lines = [
        "OK: this record was received and logged",
        f"  record     {found.number} of {found.count:,} in capture {found.capture}",
        f"  stream     {found.receipt.get('stream')}, window {window.get('start')} to {window.get('end')}",
        f"  asked at   {found.receipt.get('asked_at')}, as the receipt says",
        f"  log        {head.origin}, {head.size:,} statements; cosigned by {cosigned or 'nobody'}",
        "",
        *("".join(char if char.isprintable() else "�" for char in line) for line in found.record.splitlines()),
        "",
        "This does not prove:",
        *(f"  - {line}" for line in _open(trust)),
    ]
    return "\n".join(lines) + "\n"


def _open(trust: Trust) -> list[str]:
    unwitnessed = "That the log was not rewritten by whoever holds its key: the trust file asks for no witness."
    return [*_OPEN, *([] if trust.witness_quorum else [unwitnessed])]


def _trust(path: Path) -> Trust:
    try:
        trust = parse_trust(_bytes(path))
    except FormatError as error:
        raise UsageError(f"{path} is no trust file: {error}") from error
    if not trust.log_vkeys:
        raise UsageError(f"{path} names no key of a log")
    return trust


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


if __name__ == "__main__":
    raise SystemExit(main())
