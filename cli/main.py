"""`evidence VERB`: find the verb's module, run it, and turn a foreseeable error into one screen of plain words.

A verb is a module of this folder with `HELP`, `arguments(parser)` and `run(args) -> exit code`; `NAME` where the verb
is a word that Python keeps for itself. Verbs import heavy libraries inside `run`, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

import cli
from evidence.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code of ARCHITECTURE.md's contract."""
    parser = argparse.ArgumentParser(
        prog="evidence", description="Keep what delivery systems said, test controls on it, publish signed packs."
    )
    parser.add_argument("--verbose", action="store_true", help="show the cause of an error with its traceback")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    modules = {}
    for name, module in _verbs().items():
        modules[name] = module
        sub = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        module.arguments(sub)
    args = parser.parse_args(argv)
    try:
        return int(modules[args.verb].run(args))
    except EvidenceError as error:
        if args.verbose:
            raise
        print(f"evidence {args.verb}: {error}", file=sys.stderr)
        if error.next_step:
            print(f"Next: {error.next_step}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted. Nothing half-written counts; run the same command again to go on.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _verbs() -> dict[str, Any]:
    found = {}
    for info in pkgutil.iter_modules(cli.__path__):
        module = importlib.import_module(f"cli.{info.name}")
        if hasattr(module, "HELP"):
            found[getattr(module, "NAME", info.name)] = module
    return found


if __name__ == "__main__":
    sys.exit(main())
