"""One `evidence.yaml`: what is collected, from where, kept how, and what is in scope.

- Validated whole before anything runs; a message names the line, what was found and what is valid.
- Secrets never stand in the file: a setting such as `token_from` names the environment variable that holds one.
- Relative paths are relative to the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evidence.errors import ConfigError
from evidence.periods import Period, period

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECRET = re.compile(r"(token|password|secret|key)$", re.IGNORECASE)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(_Part):
    """Where captures are kept, and for how long nobody may remove them."""

    url: str = "file:locker"
    retention_years: int = Field(default=8, ge=0, le=100)


class KeySettings(_Part):
    """Which keys sign: a driver and where it finds them."""

    driver: Literal["file"] = "file"
    folder: str = "keys"


class TimestampSettings(_Part):
    """An RFC 3161 authority; without a URL packs are signed but not timestamped, and say so."""

    url: str | None = None


class ClockSettings(_Part):
    """`simulated`: URL of a simulated company's clock, which then tells when each day is collected."""

    simulated: str | None = None


class Config(_Part):
    """The whole configuration; `root` and `file_name` are where it was read from; relative paths start there."""

    company: str
    zone: str = "UTC"
    fiscal_year_starts: int = Field(default=1, ge=1, le=12)
    home: str = "var"
    store: StoreSettings = StoreSettings()
    keys: KeySettings = KeySettings()
    timestamping: TimestampSettings = TimestampSettings()
    clock: ClockSettings = ClockSettings()
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict)
    scope: dict[str, Any] = Field(default_factory=dict)
    root: Path = Path()
    file_name: str = "evidence.yaml"

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("is not an IANA time zone such as Europe/Berlin or America/New_York")
        return zone

    @field_validator("sources")
    @classmethod
    def _no_secrets(cls, sources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for source, settings in sources.items():
            for name in settings:
                if _SECRET.search(name):
                    raise ValueError(
                        f"source {source} has a setting {name!r} that looks like a secret;"
                        f" put it into the environment and name the variable in {name}_from"
                    )
        return sources

    @property
    def log_origin(self) -> str:
        """Name of the ledger, as it stands in its checkpoints."""
        return f"{re.sub('[^a-z0-9]+', '-', self.company.lower()).strip('-')}/delivery-evidence"

    @property
    def keys_path(self) -> Path:
        """Folder of the signing keys."""
        return self.home_path / self.keys.folder

    @property
    def home_path(self) -> Path:
        """Folder of all state."""
        return self.root / self.home

    def parameter_hours(self, name: str, default: int) -> int:
        """A parameter of the scope that counts hours."""
        return int(self.scope.get("parameters", {}).get(name, default))

    def period(self, text: str) -> Period:
        """The period that `text` names, in the company's zone and fiscal calendar."""
        return period(text, zone=self.zone, fiscal_start=self.fiscal_year_starts)


def load_config(path: Path) -> Config:
    """Read and check `path`.

    Raises:
        ConfigError: the file is missing, is no YAML, or a setting is wrong; the message has one line per finding.
    """
    if not path.is_file():
        raise ConfigError(
            f"no configuration at {path}",
            next_step="Run `evidence init DIR` to make one, or name yours with --config.",
        )
    text = path.read_text(encoding="utf-8")
    try:
        raw = yaml.safe_load(text)
        node = yaml.compose(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}", next_step="Mend the line named above.") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} holds no settings; the smallest valid file is `company: NAME`")
    try:
        return Config.model_validate({**raw, "root": path.absolute().parent, "file_name": path.name})
    except ValidationError as error:
        findings = [
            _finding(path, node, problem["loc"], problem["msg"], problem["input"]) for problem in error.errors()
        ]
        raise ConfigError(
            "\n".join(findings), next_step="Mend these lines; `evidence init DIR` shows every setting with a comment."
        ) from error


def _finding(path: Path, node: yaml.Node | None, loc: Sequence[int | str], message: str, found: object) -> str:
    line = _line(node, loc)
    valid = ""
    if message.startswith("Extra inputs"):
        message = "is not a setting"
        valid = f"; valid here are {', '.join(_valid(loc[:-1]))}"
    shown = f" (found {found!r})" if isinstance(found, str | int | float | bool) else ""
    return f"{path.name}, line {line}: {'.'.join(str(part) for part in loc)}: {message}{shown}{valid}"


def _valid(loc: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = Config
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return sorted(set(model.model_fields) - {"root", "file_name"})


def _line(node: yaml.Node | None, loc: Sequence[int | str]) -> int:
    line = 1
    for part in loc:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
