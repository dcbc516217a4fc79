"""Read a source's settings, and say plainly what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def check_names(source: str, settings: Mapping[str, Any], valid: tuple[str, ...]) -> None:
    """Raise `ConfigError` for a setting that the source does not have."""
    unknown = sorted(set(settings) - set(valid))
    if unknown:
        raise ConfigError(
            f"source {source}: unknown setting {unknown[0]!r}; valid are {', '.join(valid)}",
            next_step="Correct the setting in evidence.yaml.",
        )


def text(source: str, settings: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A setting that must be text and not empty."""
    value = settings.get(name, default)
    if not isinstance(value, str) or not value:
        raise ConfigError(
            f"source {source}: {name!r} must be text, found {value!r}",
            next_step=f"Set `{name}` under the source {source} in evidence.yaml.",
        )
    return value


def texts(source: str, settings: Mapping[str, Any], name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A setting that must be a list of texts; one text counts as a list of one."""
    value = settings.get(name, default)
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise ConfigError(
            f"source {source}: {name!r} must be a list of texts, found {value!r}",
            next_step=f"Set `{name}` under the source {source} in evidence.yaml.",
        )
    return tuple(value)


def secret(source: str, variable: str, environ: Mapping[str, str]) -> str:
    """The secret that an environment variable holds; the message names the variable, never its value."""
    value = environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"source {source}: the environment variable {variable} is empty or not set",
            next_step=f"Put the credential into {variable}; it is never read from a file.",
        )
    return value


def anchored(settings: Mapping[str, Any], paths: Sequence[str], root: Path) -> dict[str, Any]:
    """`settings` with every relative path among them made absolute.

    Args:
        paths: which settings are paths: dotted names, in which `*` stands for every entry (`devices.*`).
        root: where relative paths start.
    """
    found: Any = dict(settings)
    for path in paths:
        found = _anchored(found, path.split("."), root)
    return dict(found)


def _anchored(value: Any, names: Sequence[str], root: Path) -> Any:
    """The value with what lies at `names` anchored; what is not as it should be is left for the source to refuse."""
    if not names:
        return str(root / value) if isinstance(value, str) and value else value
    first, rest = names[0], names[1:]
    if first == "*" and isinstance(value, str):
        return _anchored(value, rest, root)  # one text counts as a list of one
    if isinstance(value, list):
        return [_anchored(item, rest, root) for item in value] if first == "*" else value
    if isinstance(value, dict):
        return {key: _anchored(item, rest, root) if first in ("*", key) else item for key, item in value.items()}
    return value
