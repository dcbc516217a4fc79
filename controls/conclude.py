"""From verdicts to one conclusion and a proposed severity.

In this order:

1. a population that may hide members                      SCOPE_LIMITATION
2. no member at all, and that is proved                    NOT_OPERATED
3. more exceptions than tolerable                          INEFFECTIVE
4. an answer that evidence is missing for                  SCOPE_LIMITATION
5. exceptions within the tolerable rate                    EFFECTIVE_WITH_EXCEPTIONS
6. else                                                    EFFECTIVE

What an attribute's definition states as a limitation is an answer without evidence like any other: it is disclosed, and
it limits the conclusion (docs/adr/limitations.md). The severity is a proposal; a named person decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controls.results import (
    EFFECTIVE,
    EXCEPTION,
    INDETERMINATE,
    INEFFECTIVE,
    NOT_APPLICABLE,
    NOT_OPERATED,
    SCOPE_LIMITATION,
    WITH_EXCEPTIONS,
    Members,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controls.sheet import Sheet

SEVERITIES = ("deficiency", "significant deficiency", "material weakness indicator")


def conclude(
    sheet: Sheet, whole: Verdict, populations: Sequence[Members], verdicts: Sequence[Verdict]
) -> tuple[str, str]:
    """The conclusion, and what it rests on in words; `whole` is the verdict about the population as a whole."""
    if whole.verdict == INDETERMINATE:
        return SCOPE_LIMITATION, whole.reason
    if whole.verdict == NOT_APPLICABLE:
        return NOT_OPERATED, whole.reason
    members = sum(len(population.subjects) for population in populations)
    failed = {(v.population, v.subject) for v in verdicts if v.verdict == EXCEPTION}
    if len(failed) > sheet.tolerable.rate * members:
        return INEFFECTIVE, f"{len(failed)} of {members} members have an exception; tolerable: {sheet.tolerable.text}"
    open_ = [v for v in verdicts if v.verdict == INDETERMINATE]
    if open_:
        return SCOPE_LIMITATION, _open(sheet, open_)
    if failed:
        return WITH_EXCEPTIONS, f"{len(failed)} of {members} members have an exception, within: {sheet.tolerable.text}"
    return EFFECTIVE, f"no exception among {members} members"


def severity(sheet: Sheet, verdicts: Sequence[Verdict]) -> str | None:
    """The gravest severity that the attributes with an exception propose."""
    letters = {v.attribute for v in verdicts if v.verdict == EXCEPTION}
    proposed = [sheet.attributes[letter].severity for letter in letters]
    return max(proposed, key=SEVERITIES.index, default=None)


def _open(sheet: Sheet, answers: Sequence[Verdict]) -> str:
    """What lacks evidence, in words: first what happens to lack it, then what the definition says no source tells."""
    stated = {letter: a.limitation for letter, a in sheet.attributes.items() if a.limitation}
    met = [v for v in answers if v.attribute not in stated]
    parts = [f"{len(met)} answers lack evidence; the first is {met[0].attribute} of {met[0].subject}"] if met else []
    letters = sorted({v.attribute for v in answers} & set(stated))
    parts += [f"{letter} cannot be tested: {stated[letter].rstrip('.')}" for letter in letters]
    return "; ".join(parts)
