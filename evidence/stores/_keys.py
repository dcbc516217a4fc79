"""Keys of a store that is a folder of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def keys_below(folder: Path, above: str, prefix: str) -> Iterator[str]:
    """Keys below `folder` in the order of whole keys, in which `a-b` precedes `a/b`.

    Args:
        folder: where to look; nothing is found where it is not there.
        above: the key of `folder` itself, with its `/`; empty for the root.
        prefix: what the keys begin with.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name + "/" * entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        key = above + entry.name
        if entry.is_dir(follow_symlinks=False):
            if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                yield from keys_below(Path(entry.path), f"{key}/", prefix)
        elif key.startswith(prefix):
            yield key
