"""`evidence keys`: what the ledger says of keys; rotate the ledger's key; revoke a key."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home, tell
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from warehouse.home import Home

HELP = "list the keys that the ledger names, rotate the ledger's key, revoke a key"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, to which key."""
    add_home_arguments(parser)
    parser.add_argument("action", choices=("list", "rotate", "revoke"))
    parser.add_argument("key", nargs="?", help="revoke: the vkey, or the certificate's SHA-256, as `list` shows it")
    parser.add_argument(
        "--since", help="revoke: the last time at which it was certainly good, such as 2026-11-20T00:00Z"
    )
    parser.add_argument("--reason", default="", help="revoke: why")
    parser.add_argument("--to-version", type=int, metavar="N", help="rotate: the version of the transit key to go to")
    parser.add_argument("--to-key", metavar="KEY", help="rotate: the KMS key to go to")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 if a checkpoint could not be published as configured."""
    from warehouse.keyring import key_events, revoke  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.open import code_identity  # noqa: PLC0415

    home = open_home(args)
    problems: tuple[str, ...] = ()
    if args.action == "revoke":
        revoke(home, args.key or "", since=_instant(args.since), reason=args.reason, code=code_identity(), now=now())
        print("Revoked. Now: `evidence checkpoint`, `evidence trust`, and hand the auditor the new trust file.")
    elif args.action == "rotate":
        problems = _rotate(home, args)
    for event in key_events(home):
        print(f"{event.since:%Y-%m-%d %H:%MZ}  {'log' if event.of_log else 'pdf'}  {event.event:<10}  {event.key}")
    return tell(problems)


def _rotate(home: Home, args: argparse.Namespace) -> tuple[str, ...]:
    from evidence.ledger.key_sources import open_log_key  # noqa: PLC0415 - as above
    from warehouse.keyring import rotate, rotate_file  # noqa: PLC0415
    from warehouse.open import code_identity  # noqa: PLC0415

    source = home.config.keys.log
    if source.driver == "file":
        problems = rotate_file(home, code=code_identity(), now=now())
        print("Rotated. Now: `evidence trust`; give the new vkey to the witnesses and the trust file to the auditor.")
        return problems
    changed = {"version": args.to_version} if source.driver == "transit" else {"key": args.to_key}
    if None in changed.values():
        option = "--to-version" if source.driver == "transit" else "--to-key"
        raise ConfigError(f"the ledger's key is in {source.driver}: {option} says which one follows")
    new = open_log_key(
        source.model_copy(update=changed), file=home.config.keys_path, name=home.config.log_origin,
        environ=home.environ,
    )  # fmt: skip
    problems = rotate(home, new, code=code_identity(), now=now())
    ((name, value),) = changed.items()
    print(
        f"Stated. Now set keys.log.{name}: {value} in evidence.yaml, then `evidence checkpoint` and `evidence trust`."
    )
    return problems


def _instant(text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise ConfigError(f"--since {text!r} is no time; valid is 2026-11-20T00:00Z") from error
    if found.tzinfo is None:
        raise ConfigError(f"--since {text!r} has no time zone; valid is 2026-11-20T00:00Z")
    return found
