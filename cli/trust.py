"""`evidence trust`: the auditor's trust file, as the keys and the configuration are now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, open_home

if TYPE_CHECKING:
    import argparse

HELP = "write the auditor's trust file: certificate, log key, witnesses, timestamp roots"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    add_home_arguments(parser)
    parser.add_argument("--out", type=Path, default=None, help="default: trust.json beside the keys")


def run(args: argparse.Namespace) -> int:
    """Write it, and print what is to be read out over the telephone."""
    from reports.pack.signers import TRUST, trust_file  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.keyring import key_events  # noqa: PLC0415

    home = open_home(args)
    path = args.out or home.config.keys_path / TRUST
    trust = trust_file(home.config, path, home.environ, key_events(home))
    print(f"Wrote {path}. It goes to the auditor by another way than the packs; read out over the telephone:")
    for label, certificates in (("signer", trust.signers), ("timestamp root", trust.timestamp_roots)):
        for certificate in certificates:
            print(f"  {label:<15} sha256 {certificate.sha256}")
    for label, vkeys in (("log", trust.log_vkeys), ("witness", trust.witness_vkeys)):
        for vkey in vkeys:
            print(f"  {label:<15} {vkey}")
    print(f"  {'witness quorum':<15} {trust.witness_quorum}")
    for one in trust.revoked:
        print(f"  {'revoked':<15} {one.key} since {one.since:%Y-%m-%d %H:%MZ}: {one.reason}")
    return 0
