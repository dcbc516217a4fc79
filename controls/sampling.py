"""Draw samples that anybody can draw again and nobody can steer.

- The population is committed to first (`population_root`); the auditor's nonce comes afterwards; seed and ranks follow
  from both. No random generator of any language takes part.
- Ranks do not hang on the order of rows. A larger sample begins with the smaller one: extending never redraws.
- Strata are drawn apart, each under its own name; items that a person picks are another selection, never projected.
- Sizes and limits are exact: binomial, and hypergeometric where the population is small. Whoever uses the customary
  sizes by frequency (`CUSTOMARY`) says so: they promise less.

Example: 59 items without a deviation support "at most 5 %" at 95 % confidence, `size(0.05, 0.05) == 59`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from fractions import Fraction
from math import comb, floor
from typing import TYPE_CHECKING, NamedTuple

from evidence.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

SCHEME = "sox-sample-v1"
_HALVINGS = 80  # of the interval in which the upper limit lies: far below a float's precision


class Customary(NamedTuple):
    """A customary minimum per year, to be agreed with the auditor: items at lower and at higher risk."""

    lower: int
    higher: int


CUSTOMARY = {
    "annual": Customary(1, 1), "quarterly": Customary(2, 2), "monthly": Customary(2, 4),
    "semi-monthly": Customary(3, 8), "weekly": Customary(5, 9), "daily": Customary(25, 40),
    "per event": Customary(25, 60),
}  # fmt: skip
"""How often a control operates -> customary sample; an automated control needs one item per variant."""


def population_root(keys: Iterable[str]) -> str:
    """The digest that commits to a population, in hexadecimal; `ControlError` if a key is there twice."""
    return hashlib.sha256("\n".join(sorted(_distinct(keys))).encode()).hexdigest()


def seed(pack: str, control: str, definition: str, root: str, nonce: str) -> bytes:
    """What ranks the items of one draw.

    Args:
        pack: name of the pack.
        control: id of the control, and for a stratum `/` and its name.
        definition: `sha256:` and the digest of the control's definition.
        root: the population's root, committed to before the nonce was known.
        nonce: the auditor's.

    Raises:
        ControlError: a part that is empty or has a line break, which would make two draws one.
    """
    parts = (SCHEME, pack, control, definition, root, nonce)
    if bad := [part for part in parts if not part or "\n" in part]:
        raise ControlError(f"a part of a sample's seed is {bad[0]!r}; valid is text of one line that is not empty")
    return hashlib.sha256("\n".join(parts).encode()).digest()


def select(keys: Iterable[str], drawn_by: bytes, number: int) -> list[str]:
    """The first `number` keys by rank; all of them where there are fewer."""
    found = _distinct(keys)
    return sorted(found, key=lambda key: (hmac.digest(drawn_by, key.encode(), "sha256"), key))[:number]


def stratified(
    strata: Mapping[str, Sequence[str]],
    numbers: Mapping[str, int],
    *,
    pack: str,
    control: str,
    definition: str,
    nonce: str,
) -> dict[str, list[str]]:
    """A selection per stratum, drawn under `control/stratum` from the stratum's own root.

    Args:
        strata: name -> its keys.
        numbers: name -> how many.
        pack: as for `seed`.
        control: as for `seed`, without stratum.
        definition: as for `seed`.
        nonce: as for `seed`.

    Raises:
        ControlError: a stratum without a number, or a number without its stratum.
    """
    if set(strata) != set(numbers):
        raise ControlError(
            f"numbers are given for {', '.join(sorted(numbers)) or 'nothing'}; strata are {', '.join(sorted(strata))}"
        )
    return {
        name: select(keys, seed(pack, f"{control}/{name}", definition, population_root(keys), nonce), numbers[name])
        for name, keys in sorted(strata.items())
    }


def shares(strata: Mapping[str, Collection[str]], number: int) -> dict[str, int]:
    """`number` items shared out by the strata's sizes, each at least one, by largest remainder, names breaking ties."""
    total = sum(len(keys) for keys in strata.values())
    exact = {name: Fraction(len(keys) * number, total) for name, keys in strata.items() if keys}
    given = defaultdict(int, {name: max(1, floor(share)) for name, share in exact.items()})
    rest = sorted(exact, key=lambda name: (floor(exact[name]) - exact[name], name))
    for name in rest[: max(0, number - sum(given.values()))]:
        given[name] += 1
    return {name: min(given[name], len(keys)) for name, keys in strata.items()}


def size(risk: float, tolerable: float, allowed: int = 0, *, population: int | None = None) -> int:
    """The smallest sample in which `allowed` deviations still support the tolerable rate.

    Args:
        risk: of overreliance, 0.05 or 0.10.
        tolerable: tolerable rate of deviation.
        allowed: deviations that may be found.
        population: its size, where it is small: then exactly by the hypergeometric distribution.
    """
    if population is None:
        number = allowed + 1
        while _binomial(allowed, number, tolerable) > risk:
            number += 1
        return number
    intolerable = floor(Fraction(str(tolerable)) * population) + 1
    for number in range(allowed + 1, population + 1):
        if _hypergeometric(allowed, population, intolerable, number) <= Fraction(str(risk)):
            return number
    return population


def upper_limit(deviations: int, number: int, risk: float) -> float:
    """The rate that the sample excludes from above at confidence 1 - risk (one-sided Clopper-Pearson)."""
    if deviations >= number:
        return 1.0
    low, high = deviations / number, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _binomial(deviations, number, middle) > risk else (low, middle)
    return high


def _binomial(most: int, number: int, rate: float) -> float:
    return sum(comb(number, i) * rate**i * (1 - rate) ** (number - i) for i in range(most + 1))


def _hypergeometric(most: int, population: int, bad: int, number: int) -> Fraction:
    fewest = max(0, number - (population - bad))
    ways = sum(comb(bad, i) * comb(population - bad, number - i) for i in range(fewest, min(most, bad, number) + 1))
    return Fraction(ways, comb(population, number))


def _distinct(keys: Iterable[str]) -> list[str]:
    found = list(keys)
    if len(set(found)) < len(found):
        twice = next(key for key in found if found.count(key) > 1)
        raise ControlError(f"{twice} is in the population twice; a sample is drawn from distinct items")
    return found
