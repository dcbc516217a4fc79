"""Read a source's settings, and say plainly what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


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
