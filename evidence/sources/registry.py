"""Which systems can be asked: every module of this folder that has a `NAME`.

A name that starts with `_` is a helper; `base` and this module have no `NAME`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol, cast

import evidence.sources
from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evidence.sources.base import Source, Stream


class Connector(Protocol):
    """What a module of this folder offers (see evidence.sources.base)."""

    NAME: str
    STREAMS: tuple[Stream, ...]

    def connect(self, settings: Mapping[str, Any], environ: Mapping[str, str]) -> Source:
        """A source for these settings; nothing is asked yet."""
        ...


def names() -> list[str]:
    """The systems that can be asked, in alphabetical order; imports none of them."""
    helpers = {"base", "registry"}
    found = (module.name for module in pkgutil.iter_modules(evidence.sources.__path__))
    return sorted(name for name in found if not name.startswith("_") and name not in helpers)


def connector(name: str) -> Connector:
    """The module of one system.

    Raises:
        ConfigError: for a name that no module has.
    """
    if name not in names():
        raise ConfigError(
            f"there is no source {name!r}; there are {', '.join(names())}",
            next_step="Correct the name under `sources`, or add a module to evidence/sources.",
        )
    return cast("Connector", importlib.import_module(f"evidence.sources.{name}"))


def streams_of(systems: Iterable[str]) -> dict[str, Stream]:
    """The streams that some systems can be asked for, by name; `ConfigError` as `connector`."""
    return {stream.name: stream for system in systems for stream in connector(system).STREAMS}
