"""Whether what judged a period was in the log before the period: definitions of controls, and the scope.

- The manifest names what was used, by digest; the log must state it. A definition that it does not state fails.
- One that came into the log during the period, or after it, may have been written knowing the results: not checked.
- A statement's own time is a claim; an anchored checkpoint that does not hold it yet contradicts an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evidence.verify import strict_json
from evidence.verify.formats.errors import FormatError
from evidence.verify.report import Check, Name, failed, not_checked, passed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evidence.verify.anchors import Anchors

_SKEW = timedelta(minutes=10)  # how far two honest clocks may differ
_SHOWN = 5
_SCOPE, _DEFINITION = "scope_sha256", "definition_"


@dataclass(frozen=True, slots=True)
class Stated:
    """A definition or scope as logged: its leaf, the manifest's name for it, its digest, the time it claims."""

    index: int
    fact: str
    sha256: str
    at: datetime


def read_definitions(statements: Sequence[bytes], indexes: Iterable[int]) -> tuple[Stated, ...]:
    """The definitions and scopes among `statements`; `FormatError` if one is malformed."""
    found = []
    for text, index in zip(statements, indexes, strict=True):
        if b'"kind":"definition"' in text or b'"kind":"scope"' in text:
            value = strict_json.parse(text, f"the statement {index}")
            if value.get("kind") in ("definition", "scope"):
                found.append(_stated(index, value))
    return tuple(found)


def check_definitions(stated: Sequence[Stated], facts: Mapping[str, str], start: datetime, anchors: Anchors) -> Check:
    """Whether everything that judged the period beginning at `start` was stated before it."""
    used = {name: digest for name, digest in facts.items() if name.startswith(_DEFINITION) or name == _SCOPE}
    if not stated:
        return not_checked(Name.DEFINITIONS, "the log states none: when those that were used came to be is not shown")
    first: dict[tuple[str, str], Stated] = {}
    for one in sorted(stated, key=lambda item: item.index):
        first.setdefault((one.fact, one.sha256), one)
    missing = [name for name, digest in used.items() if (name, digest) not in first]
    if missing:
        return failed(Name.DEFINITIONS, f"used and not in the log: {_listed(missing)}")
    found = [first[name, digest] for name, digest in used.items()]
    early = [one.fact for one in found if (no := anchors.not_before(one.index)) is not None and one.at < no - _SKEW]
    if early:
        return failed(Name.DEFINITIONS, f"back-dated, an anchored checkpoint does not hold them yet: {_listed(early)}")
    late = [f"{one.fact} ({one.at:%Y-%m-%d})" for one in found if one.at > start]
    if late:
        return not_checked(
            Name.DEFINITIONS, f"{len(late)} of {len(found)} came after the period began: {_listed(late)}"
        )
    return passed(Name.DEFINITIONS, f"{len(found)} definitions and scope, in the log before the period began")


def _stated(index: int, value: dict[str, Any]) -> Stated:
    try:
        fact = _SCOPE if value["kind"] == "scope" else f"{_DEFINITION}{value['control']}"
        at = datetime.fromisoformat(value["at"])
        return Stated(index, fact, str(value["sha256"]), at.astimezone(UTC))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the statement {index} is no definition and no scope: {error!r}") from error


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name.removeprefix(_DEFINITION) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
