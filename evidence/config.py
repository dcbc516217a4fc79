"""One `evidence.yaml`: what is collected, from where, kept how, and what is in scope.

- Validated whole before anything runs; a message names the line, what was found and what is valid.
- Secrets never stand in the file: a setting such as `token_from` names the environment variable that holds one. What
  looks like one all the same is refused, and not shown.
- Relative paths are relative to the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import available_timezones

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from evidence.canonical import sha256
from evidence.credentials import holds_secret, names_secret, redacted
from evidence.errors import ConfigError
from evidence.periods import Period, period
from evidence.settings import (
    ClockSettings,
    KeySettings,
    Part,
    ProofSettings,
    ScopeShape,
    StoreSettings,
    TimestampSettings,
    WitnessSettings,
)
from evidence.verify.formats.cosignature import WitnessKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic_core import ErrorDetails

_SECRET = re.compile(r"(token|password|passphrase|secret|credentials?|key)$", re.IGNORECASE)
LATE_HOURS = 72  # default of P_LATE, as in controls/parameters.yaml
_OURS = ("root", "file_name")  # fields that the file does not set


class Config(Part):
    """The whole configuration; `root` and `file_name` are where it was read from; relative paths start there."""

    company: str = Field(min_length=1)
    zone: str = "UTC"
    fiscal_year_starts: int = Field(default=1, ge=1, le=12)
    home: str = "var"
    store: StoreSettings = StoreSettings()
    keys: KeySettings = KeySettings()
    timestamping: TimestampSettings = TimestampSettings()
    witnesses: tuple[WitnessSettings, ...] = ()
    witness_quorum: int = Field(default=0, ge=0)
    checkpoint_copies: tuple[str, ...] = ()
    record_proofs: ProofSettings = ProofSettings()
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

    @field_validator("witnesses")
    @classmethod
    def _each_once(cls, witnesses: tuple[WitnessSettings, ...]) -> tuple[WitnessSettings, ...]:
        if len({WitnessKey.parse(one.vkey).public_key for one in witnesses}) < len(witnesses):
            raise ValueError("names one key twice: a witness counts once")
        return witnesses

    @field_validator("witness_quorum")
    @classmethod
    def _reachable(cls, quorum: int, info: ValidationInfo) -> int:
        named = len(info.data.get("witnesses", ()))
        if "witnesses" in info.data and quorum > named:
            raise ValueError(f"asks for more witnesses than the {named} that are named")
        return quorum

    @property
    def log_origin(self) -> str:
        """Name of the ledger, as it stands in its checkpoints."""
        plain = re.sub("[^a-z0-9]+", "-", self.company.lower()).strip("-")
        return f"{plain or 'company-' + sha256(self.company.encode())[:12]}/delivery-evidence"

    @property
    def keys_path(self) -> Path:
        """Folder of the signing keys."""
        return self.home_path / self.keys.folder

    @property
    def home_path(self) -> Path:
        """Folder of all state."""
        return self.root / self.home

    def parameter_hours(self, name: str, default: int) -> int:
        """A parameter of the scope that counts hours; `ConfigError` if it is no whole number."""
        hours = (self.scope.get("parameters") or {}).get(name, default)
        if isinstance(hours, bool) or not isinstance(hours, int) or hours < 0:
            raise ConfigError(
                f"scope.parameters.{name} counts hours, found {hours!r}; valid is a whole number from 0",
                next_step="Correct it in evidence.yaml.",
            )
        return hours

    @property
    def late_hours(self) -> int:
        """How long after its end a period waits for late evidence: parameter P_LATE."""
        return self.parameter_hours("P_LATE", LATE_HOURS)

    def freeze_at(self, period: Period) -> datetime:
        """When the evidence of `period` is frozen."""
        return period.freeze_at(self.late_hours)

    def known_until(self, period: Period, now: datetime) -> datetime:
        """What is later is not known of a period: its freeze, or now where that is still to come.

        Verdicts and metrics go by it alike: nobody missed a date that is still to come.
        """
        return min(now, self.freeze_at(period))

    def period(self, text: str) -> Period:
        """The period that `text` names, in the company's zone and fiscal calendar."""
        return period(text, zone=self.zone, fiscal_start=self.fiscal_year_starts)


def load_config(path: Path) -> Config:
    """Read and check `path`.

    Raises:
        ConfigError: the file is missing, is no YAML, or a setting is wrong; the message has one line per finding.
    """
    text = _read(path)
    try:
        node = yaml.compose(text)
        if doubles := list(_doubles(node)):
            raise ConfigError(
                "\n".join(f"{path.name}, line {line}: {name}: is set twice" for name, line in doubles),
                next_step="Keep one of the two: YAML would silently take the last.",
            )
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not
        raise ConfigError(f"{path} is not YAML: {error}", next_step="Mend the line named above.") from error
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{path} holds no settings but {raw!r:.60}; the smallest valid file is `company: NAME`",
            next_step="Write at least the company's name; `evidence init DIR` shows every setting with a comment.",
        )
    findings = list(_secrets(path, node, raw))
    try:
        found = Config.model_validate({str(key): value for key, value in raw.items() if key not in _OURS})
    except ValidationError as error:
        findings += [_finding(path, node, problem) for problem in error.errors()]
        found = None
    findings += [_finding(path, node, problem) for problem in _misshapen(raw.get("scope"))]
    findings += [f"{path.name}, line {_line(node, [key])}: {key}: is not a setting" for key in _OURS if key in raw]
    if findings or found is None:
        raise ConfigError(
            "\n".join(findings), next_step="Mend these lines; `evidence init DIR` shows every setting with a comment."
        )
    return found.model_copy(update={"root": path.absolute().parent, "file_name": path.name})


def _read(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(
            f"no configuration at {path}",
            next_step="Run `evidence init DIR` to make one, or name yours with --config.",
        )
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", next_step="Let the user that runs this read the file."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}",
            next_step="Save the file as UTF-8.",
        ) from error


def _finding(path: Path, node: yaml.Node | None, problem: ErrorDetails) -> str:
    loc, found = problem["loc"], problem["input"]
    message, valid = problem["msg"].removeprefix("Value error, "), ""
    if problem["type"] == "extra_forbidden":
        message, valid = "is not a setting", f"; valid here are {', '.join(_valid(loc[:-1]))}"
    elif problem["type"] == "missing":
        message, found = "is missing", None
    name = ".".join(str(part) for part in loc)
    return f"{path.name}, line {_line(node, loc)}: {name}: {message}{_shown(str(loc[-1]), found)}{valid}"


def _misshapen(scope: object) -> Iterator[ErrorDetails]:
    """What of the scope no control could ask about; that it is no mapping at all is found with the other settings."""
    try:
        given = scope if isinstance(scope, dict) else {}
        ScopeShape.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            problem["loc"] = ("scope", *problem["loc"])
            yield problem


def _shown(name: str, found: object) -> str:
    """What was found, as far as it can be shown on a screen that others may see."""
    if names_secret(name) or holds_secret(found) or isinstance(found, dict | list):
        return f" (found {type(found).__name__})"
    return "" if found is None else f" (found {found!r:.80})"


def _secrets(path: Path, node: yaml.Node | None, raw: Mapping[Any, Any]) -> Iterator[str]:
    """A line for each setting that looks like a secret: names that say so below `sources`, known forms anywhere."""
    for loc, value in _leaves(raw):
        name = str(loc[-1])
        named = loc[0] == "sources" and _SECRET.search(name) and isinstance(value, str)
        in_url = isinstance(value, str) and redacted(value) != value
        if named or in_url:
            where = ".".join(str(part) for part in loc)
            yield (
                f"{path.name}, line {_line(node, loc)}: {where}: looks like a secret (not shown); valid is"
                f" {name}_from with the name of the environment variable that holds it"
            )


def _leaves(value: Any, loc: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*loc, str(key)))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _leaves(item, (*loc, n))
    elif loc:
        yield loc, value


def _doubles(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Names that are set twice in one mapping, with the line of the second time."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    yield key.value, key.start_mark.line + 1
                seen.add(key.value)
            yield from _doubles(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubles(item)


def _valid(loc: Sequence[int | str]) -> list[str]:
    model: Any = Config
    for part in loc:
        if isinstance(part, str):
            kind = model.model_fields[part].annotation
            model = next(iter(get_args(kind)), kind)  # of a list, what its entries are
    return sorted(set(model.model_fields) - set(_OURS))


def _line(node: yaml.Node | None, loc: Sequence[int | str]) -> int:
    """The line of the setting at `loc`, or of the nearest one around it that is there."""
    line = 1
    for part in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [(key, value) for key, value in pairs if key.value == str(part)]
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line
