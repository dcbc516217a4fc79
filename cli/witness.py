"""`evidence witness`: cosign other people's ledgers, and refuse any that rewrites what was cosigned.

A witness is worth something where it is run: by the auditor, by group IT security, by another company; with its own
key and its own folder, out of reach of whoever holds the log's key.
"""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from cli.home import now
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from evidence.ledger.keys import Signer

HELP = "run a witness: cosign checkpoints of the logs it knows, refuse forks, remember"
KEY = "witness.key"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its folder, the logs it knows, and where it listens."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the witness's own folder: its key and its memory")
    parser.add_argument("--log", action="append", default=[], metavar="VKEY", help="a log to witness; may be repeated")
    parser.add_argument("--listen", default="127.0.0.1:7550", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--name", default=None, help="name in its key, when it is made (default: of this machine)")


def run(args: argparse.Namespace) -> int:
    """Make the key where there is none, and print its vkey; with `--log`, serve until interrupted."""
    from evidence.ledger.keys import witness_key  # noqa: PLC0415 - keeps `--help` quick
    from evidence.ledger.witness import Witness, known_logs  # noqa: PLC0415
    from evidence.ledger.witness_http import server  # noqa: PLC0415

    logs = known_logs(args.log)
    host, port = _address(args.listen)
    signer = _signer(args.folder, args.name)
    print(f"witness vkey: {witness_key(signer).vkey}", flush=True)
    if not logs:
        print("Next: name the logs to witness with --log VKEY; their owners find it with `evidence trust`.")
        return 0
    try:
        http = server(Witness(args.folder / "memory", signer, logs), host, port, now)
    except OSError as error:
        raise ConfigError(f"cannot listen on {args.listen}: {error.strerror}", next_step="Name a free port.") from error
    with http:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"listening on http://{host}:{http.server_address[1]} for {', '.join(sorted(logs))}", flush=True)
        try:
            http.serve_forever()
        except KeyboardInterrupt:
            print("stopped; what was cosigned is remembered")
    return 0


def _signer(folder: Path, name: str | None) -> Signer:
    from evidence.ledger import keys  # noqa: PLC0415

    path = folder / KEY
    if path.exists():
        return keys.load(path, kind=keys.WITNESS)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}", next_step="Name another folder.") from error
    return keys.generate(path, name or f"witness/{socket.gethostname()}", kind=keys.WITNESS)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the largest port
        raise ConfigError(f"--listen {text!r} is no HOST:PORT", next_step="For instance 127.0.0.1:7550.")
    return host, int(port)
