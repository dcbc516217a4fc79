"""`evidence VERB`: find the verb's module, run it, and turn a foreseeable error into one screen of plain words.

A verb is a module of this folder with `HELP`, `arguments(parser)` and `run(args) -> exit code`; `NAME` where the verb
is a word that Python keeps for itself. Verbs import heavy libraries inside `run`, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import pkgutil
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import cli
from evidence.errors import ConfigError, EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FAILED = 3  # the machine refused: a disk, a permission
INTERRUPTED = 130  # 128 + SIGINT, as shells count
READER_LEFT = 141  # 128 + SIGPIPE: the verb did not finish, whatever was printed until then
OBJECTS = 100_000  # new objects before Python looks for circles of dead ones; few of the many are


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code of ARCHITECTURE.md's contract."""
    gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
    try:
        modules = _verbs()
        args = _parser(modules).parse_args(argv)
        return _run(modules[args.verb], args)
    except KeyboardInterrupt:
        print("Interrupted. Nothing half-written counts; run the same command again to go on.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python still flushes at its end
        return READER_LEFT


def _run(module: Any, args: argparse.Namespace) -> int:
    try:
        code = int(module.run(args))
        sys.stdout.flush()  # here, so that a reader who has left is noticed while we can say so
    except EvidenceError as error:
        return _tell(args, str(error), error.next_step, error.exit_code)
    except BrokenPipeError:
        raise
    except Exception as error:
        from warehouse.damage import damage  # noqa: PLC0415 - keeps verbs that work quick

        if known := damage(error):
            return _tell(args, str(known), known.next_step, known.exit_code)
        if not isinstance(error, OSError):
            raise
        step = "Look at that file or disk, then run the same command again; --verbose shows where it happened."
        return _tell(args, f"the machine refused: {error}", step, FAILED)
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose errors say where help is."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, what the usage is, and where more is told; exit 2."""
        self.print_usage(sys.stderr)
        self.exit(ConfigError.exit_code, f"{self.prog}: {message}\nNext: `{self.prog} --help` tells what is valid.\n")


def _parser(modules: Mapping[str, Any]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="evidence", description="Keep what delivery systems said, test controls on it, publish signed packs."
    )
    cause = "show the cause of an error with its traceback"
    parser.add_argument("--verbose", action="store_true", help=cause)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module in modules.items():
        sub = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        sub.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=cause)
        module.arguments(sub)
    return parser


def _tell(args: argparse.Namespace, message: str, next_step: str, code: int) -> int:
    """Print what happened and what to do now, being inside the handler of the error; the exit code."""
    if args.verbose:
        traceback.print_exc()
    print(f"evidence {args.verb}: {message}", file=sys.stderr)
    if next_step:
        print(f"Next: {next_step}", file=sys.stderr)
    return code


def _verbs() -> dict[str, Any]:
    found = {}
    for info in pkgutil.iter_modules(cli.__path__):
        module = importlib.import_module(f"cli.{info.name}")
        if hasattr(module, "HELP"):
            found[getattr(module, "NAME", info.name)] = module
    return found


if __name__ == "__main__":
    sys.exit(main())
