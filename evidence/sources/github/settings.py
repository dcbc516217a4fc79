"""What may be set for GitHub, read from `evidence.yaml`.

Example::

    github:
      url: https://api.github.com          # GHES: https://HOST/api/v3
      organisation: acme
      repositories:                        # `all`, a list of names, or names with the branches that count
        ledger: [main]
        web: [main, release]
      token_from: GITHUB_TOKEN             # the environment variable; or app: {id: 1, installation: 2, key_from: NAME}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evidence.errors import ConfigError
from evidence.sources._settings import check_names, secret, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = (
    "url", "organisation", "repositories", "token_from", "app", "timeout", "proxy", "audit_log", "approvals_of",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App's installation; its private key stands in `Access.token`."""

    id: int
    installation: int


@dataclass(frozen=True, slots=True)
class Access:
    """Where GitHub is and as whom it is asked. `token` is left out of `repr`; `timeout` in seconds."""

    url: str
    token: str = field(repr=False)
    app: App | None
    timeout: float
    proxy: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked.

    Attributes:
        organisation: its login.
        repositories: name (without owner) to the branches that count; () = the default branch; None = every repository.
        audit_log: `all` events, `web` events only, or `none` where the organisation has no audit log API.
        approvals_of: workflow paths whose runs are asked for approvals; () = every run.
    """

    organisation: str
    repositories: Mapping[str, tuple[str, ...]] | None
    audit_log: str = "all"
    approvals_of: tuple[str, ...] = ()


def read(settings: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Access, Scope]:
    """The settings, checked.

    Raises:
        ConfigError: with the setting, what was found and what is valid.
    """
    check_names("github", settings, _NAMES)
    url = text("github", settings, "url", "https://api.github.com").rstrip("/")
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigError(f"source github: url must start with https:// or http://, found {url!r}")
    audit_log = text("github", settings, "audit_log", "all")
    if audit_log not in {"all", "web", "none"}:
        raise ConfigError(f"source github: audit_log must be all, web or none, found {audit_log!r}")
    scope = Scope(
        organisation=text("github", settings, "organisation"),
        repositories=_repositories(settings.get("repositories", "all")),
        audit_log=audit_log,
        approvals_of=texts("github", settings, "approvals_of"),
    )
    return _access(url, settings, environ), scope


def _access(url: str, settings: Mapping[str, Any], environ: Mapping[str, str]) -> Access:
    timeout = settings.get("timeout", 30)
    if not isinstance(timeout, int | float) or timeout <= 0:
        raise ConfigError(f"source github: timeout must be a number of seconds above 0, found {timeout!r}")
    proxy = text("github", settings, "proxy") if settings.get("proxy") else ""
    app = settings.get("app")
    if app is None:
        token = secret("github", text("github", settings, "token_from", "GITHUB_TOKEN"), environ)
        return Access(url, token, None, timeout, proxy)
    if not isinstance(app, dict) or not all(isinstance(app.get(name), int) for name in ("id", "installation")):
        raise ConfigError("source github: app must have id and installation (numbers) and key_from (a variable's name)")
    key = secret("github", text("github", app, "key_from"), environ)
    return Access(url, key, App(app["id"], app["installation"]), timeout, proxy)


def _repositories(value: Any) -> Mapping[str, tuple[str, ...]] | None:
    if value == "all":
        return None
    if isinstance(value, list):
        value = dict.fromkeys(value, ())
    if not isinstance(value, dict) or not value:
        raise ConfigError(
            f"source github: repositories must be `all`, a list of names or a map of names to branches, found {value!r}"
        )
    for name in value:
        if not isinstance(name, str) or "/" in name or not name:
            raise ConfigError(f"source github: a repository is named without its owner, found {name!r}")
    return {name: texts("github", value, name, ()) if value[name] else () for name in value}
