"""`evidence init DIR`: a commented configuration, the folders, and software keys to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.home import now
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

HELP = "make a commented evidence.yaml, the folders and software keys"
TEMPLATE = Path(__file__).with_name("evidence.yaml")


def arguments(parser: argparse.ArgumentParser) -> None:
    """`DIR` and the company's name."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--company", default="Example Company", help="name of the company, as packs print it")


def run(args: argparse.Namespace) -> int:
    """Make what is not there yet; refuse to overwrite."""
    config = args.directory / "evidence.yaml"
    if config.exists():
        raise ConfigError(f"{config} exists", next_step="Edit it, or name another folder.")
    try:
        args.directory.mkdir(parents=True, exist_ok=True)
        text = TEMPLATE.read_text(encoding="utf-8").replace("company: Example Company", f"company: {args.company}")
        config.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {config}: {error.strerror}", next_step="Name a folder that you may write."
        ) from error
    from evidence.config import load_config  # noqa: PLC0415 - keeps `--help` quick
    from reports.pack.signers import make_signers  # noqa: PLC0415

    make_signers(load_config(config), now=now())
    print(f"Wrote {config} and software keys beside it.")
    print("Next: name your sources in it, then run `evidence run --date YYYY-MM-DD`.")
    return 0
