"""`evidence init DIR`: a commented configuration, the folders, and software keys to begin with."""

from __future__ import annotations

import json
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
    """Make what is not there yet; refuse to overwrite.

    The configuration is written last, so that a folder in which `init` did not finish can be given to it again.
    """
    path = args.directory / "evidence.yaml"
    if path.exists():
        raise ConfigError(f"{path} exists", next_step="Edit it, or name another folder.")
    draft = args.directory / "evidence.yaml.draft"
    try:
        args.directory.mkdir(parents=True, exist_ok=True)
        draft.write_text(_text(args.company), encoding="utf-8")
        try:
            _make(draft)
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", next_step="Name a folder that you may write."
        ) from error
    print(f"Wrote {path} and software keys beside it.")
    print("Next: name your sources in it, then run `evidence run --date YYYY-MM-DD`.")
    return 0


def _text(company: str) -> str:
    """The template with the company's name in quotes: it is text, whatever YAML would make of its words."""
    name = json.dumps(company, ensure_ascii=False)
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.replace("\ncompany: Example Company\n", f"\ncompany: {name}\n")


def _make(draft: Path) -> None:
    from evidence.config import load_config  # noqa: PLC0415 - keeps `--help` quick
    from reports.pack.signers import make_signers  # noqa: PLC0415

    config = load_config(draft)
    config.home_path.mkdir(parents=True, exist_ok=True)
    config.keys_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_signers(config, now=now())
