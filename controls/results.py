"""What a test of controls yields: verdicts, counts, and one conclusion per control.

- Verdict of a member and attribute: `PASS EXCEPTION EXEMPT NOT_APPLICABLE INDETERMINATE`.
- Conclusion of a control and period: `EFFECTIVE EFFECTIVE_WITH_EXCEPTIONS INEFFECTIVE NOT_OPERATED SCOPE_LIMITATION`.
- Attribute `*` of `population:<period>`: PASS = nothing is hidden, NOT_APPLICABLE = proved empty, INDETERMINATE =
  neither.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evidence.canonical import canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controls.definitions import Control

PASS, EXCEPTION, EXEMPT, NOT_APPLICABLE, INDETERMINATE = VERDICTS = (
    "PASS", "EXCEPTION", "EXEMPT", "NOT_APPLICABLE", "INDETERMINATE",
)  # fmt: skip
EFFECTIVE, WITH_EXCEPTIONS, INEFFECTIVE, NOT_OPERATED, SCOPE_LIMITATION = CONCLUSIONS = (
    "EFFECTIVE", "EFFECTIVE_WITH_EXCEPTIONS", "INEFFECTIVE", "NOT_OPERATED", "SCOPE_LIMITATION",
)  # fmt: skip
POPULATION = "population"  # the population whose members stand for whole populations, or days of them
MEMBERSHIP = "*"  # the attribute of such members


@dataclass(frozen=True, slots=True, order=True)
class Proof:
    """One record that a verdict rests on, by its bytes."""

    stream: str
    capture: str
    record: int

    def as_json(self) -> dict[str, Any]:
        """As `test --json` prints it."""
        return {"stream": self.stream, "capture": self.capture, "record": self.record}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found for one member and attribute; `original`: the verdict that an exemption covers, else empty."""

    population: str
    subject: str
    attribute: str
    verdict: str
    reason: str
    event_time: datetime | None
    evidence: tuple[Proof, ...]
    original: str = ""

    @property
    def about_population(self) -> bool:
        """Whether it speaks of a population as a whole instead of one of its members."""
        return self.population == POPULATION

    def as_json(self) -> dict[str, Any]:
        """As `test --json` prints it."""
        return {
            "population": self.population, "subject": self.subject, "attribute": self.attribute,
            "verdict": self.verdict, "reason": self.reason, "event_time": instant_text(self.event_time),
            "evidence": [proof.as_json() for proof in self.evidence],
        } | ({"original": self.original} if self.original else {})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Members:
    """A population's size, and the digest of its subjects: SHA-256 of their canonical JSON array, sorted."""

    name: str
    subjects: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Digest that commits to the population."""
        return sha256(canonical(list(self.subjects)))

    def as_json(self) -> dict[str, Any]:
        """As `test --json` prints it."""
        return {"name": self.name, "rows": len(self.subjects), "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class ControlResult:
    """One control over one period.

    Attributes:
        control: the control with its sheet.
        period: the period's name.
        conclusion: one of `CONCLUSIONS`.
        why: what the conclusion rests on, in words.
        severity: what the exceptions propose, for a named person to decide; None without exceptions.
        populations: its populations with their members.
        verdicts: every verdict, those about populations last.
    """

    control: Control
    period: str
    conclusion: str
    why: str
    severity: str | None
    populations: tuple[Members, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Attribute -> verdict -> members; for each attribute the sum is the size of its population."""
        counted = {letter: dict.fromkeys(VERDICTS, 0) for letter in self.control.sheet.attributes}
        for (letter, verdict), number in Counter((v.attribute, v.verdict) for v in self.members()).items():
            counted[letter][verdict] = number
        return counted

    @property
    def limitations(self) -> dict[str, str]:
        """Attribute -> what its definition says cannot be tested."""
        return {letter: a.limitation for letter, a in self.control.sheet.attributes.items() if a.limitation}

    def members(self) -> Iterable[Verdict]:
        """The verdicts about members, without those about whole populations."""
        return (verdict for verdict in self.verdicts if not verdict.about_population)

    def of(self, *verdicts: str) -> list[Verdict]:
        """The members' verdicts that are one of `verdicts`."""
        return [verdict for verdict in self.members() if verdict.verdict in verdicts]

    def as_json(self) -> dict[str, Any]:
        """As `test --json` prints it."""
        return {
            "id": self.control.id, "definition_sha256": self.control.sha256, "period": self.period,
            "conclusion": self.conclusion, "why": self.why, "severity": self.severity, "limitations": self.limitations,
            "populations": [members.as_json() for members in self.populations], "counts": self.counts,
            "verdicts": [verdict.as_json() for verdict in self.verdicts],
        }  # fmt: skip


def instant_text(instant: datetime | None) -> str | None:
    """An instant as subjects and JSON write it: UTC, a fraction only if it is not zero."""
    if instant is None:
        return None
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if instant.microsecond else text) + "Z"
