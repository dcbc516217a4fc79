"""Open the store that a URL names.

- A scheme is the name of a module in this folder that has `open(url, *, cache, environ)`; there is no list of them.
- A URL without a scheme is a path, for the `file` store.
"""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidence.stores.base import Store

_NOT_SCHEMES = {"base", "registry"}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")


def schemes() -> list[str]:
    """The schemes that a store's URL may have."""
    found = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name for name in found if not name.startswith("_") and name not in _NOT_SCHEMES)


def open_store(url: str, *, cache: Path, environ: Mapping[str, str] | None = None) -> Store:
    """The store of `url`; nothing is asked of it yet.

    Args:
        url: `file:PATH`, a plain path, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.
        cache: a folder for local copies of a remote store's objects; it may be removed at any time.
        environ: where credentials are looked up; without them a store uses what its machine provides.

    Raises:
        ConfigError: the scheme is unknown, or the rest of the URL is not what its store takes.
    """
    named = _SCHEME.match(url)
    scheme = named[1] if named else "file"
    if scheme not in schemes():
        valid = ", ".join(f"{name}:" for name in schemes())
        raise ConfigError(
            f"store {url!r} has the unknown scheme {scheme!r}; valid: {valid} or a path",
            next_step="Correct `store` in the configuration.",
        )
    store: Store = import_module(f"evidence.stores.{scheme}").open(url, cache=cache, environ=environ or {})
    return store
