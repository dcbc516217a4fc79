"""Sampling: the published sizes and limits, and draws that anybody can repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controls import sampling
from evidence.errors import ControlError

if TYPE_CHECKING:
    from random import Random

KEYS = [f"acme-pay/ledger-api#{number}" for number in range(1, 201)]
RATES = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.10, 0.15, 0.20)
DRAW = {"pack": "SOX-2025Q4-v1", "control": "CHG-01", "definition": "sha256:" + 64 * "0", "nonce": "auditor-nonce-7f3a"}


def seeded() -> bytes:
    """The seed of the golden draw."""
    root = sampling.population_root(KEYS)
    return sampling.seed(DRAW["pack"], DRAW["control"], DRAW["definition"], root, DRAW["nonce"])


def test_golden_vector() -> None:
    """Root, seed and selection are those of the published vector."""
    root = sampling.population_root(reversed(KEYS))

    assert root == "3dc4dd15152f1826de228938ea7e21c7e3bee0a31089ac8e0770251c7df4e413"
    assert seeded().hex() == "916c151697a0e28db2f58ead62bf8bbe1350607ed6e9498a46d8e359c4f6eb3e"
    assert [int(key.split("#")[1]) for key in sampling.select(KEYS, seeded(), 8)] == [129, 67, 31, 151, 3, 59, 14, 23]


@settings(max_examples=50)
@given(st.lists(st.text(min_size=1), unique=True, max_size=40), st.integers(0, 45), st.integers(0, 45), st.randoms())
def test_draw_is_extendable_and_free_of_order(keys: list[str], few: int, more: int, random: Random) -> None:
    """A larger sample begins with the smaller one; the order of rows plays no part."""
    few, more = sorted((few, more))
    mixed = list(keys)
    random.shuffle(mixed)

    assert sampling.select(mixed, seeded(), more)[:few] == sampling.select(keys, seeded(), few)
    assert sampling.population_root(mixed) == sampling.population_root(keys)


@pytest.mark.parametrize(
    ("risk", "allowed", "sizes"),
    [
        (0.05, 0, [149, 99, 74, 59, 49, 42, 36, 29, 19, 14]),
        (0.05, 1, [236, 157, 117, 93, 78, 66, 58, 46, 30, 22]),
        (0.05, 2, [313, 208, 156, 124, 103, 88, 77, 61, 40, 30]),
        (0.10, 0, [114, 76, 57, 45, 38, 32, 28, 22, 15, 11]),
        (0.10, 1, [194, 129, 96, 77, 64, 55, 48, 38, 25, 18]),
        (0.10, 2, [265, 176, 132, 105, 88, 75, 65, 52, 34, 25]),
    ],
)
def test_sizes_are_the_published_ones(risk: float, allowed: int, sizes: list[int]) -> None:
    """Sizes for tolerable rates from 2 % to 20 %."""
    assert [sampling.size(risk, rate, allowed) for rate in RATES] == sizes


@pytest.mark.parametrize(
    ("population", "sizes"),
    [
        (12, (8, 11, 12)), (24, (13, 17, 19)), (52, (16, 28, 33)), (100, (18, 32, 39)), (200, (20, 37, 47)),
        (500, (21, 42, 54)), (1000, (22, 44, 56)),
    ],
)  # fmt: skip
def test_small_populations_need_less(population: int, sizes: tuple[int, ...]) -> None:
    """Sizes for 90 %/10 %, 90 %/5 % and 95 %/5 % without a deviation, exactly for the population."""
    asked = ((0.10, 0.10), (0.10, 0.05), (0.05, 0.05))

    assert tuple(sampling.size(risk, rate, population=population) for risk, rate in asked) == sizes


@pytest.mark.parametrize(
    ("number", "risk", "limits"),
    [
        (25, 0.05, [11.3, 17.6, 23.1, 28.2]), (25, 0.10, [8.8, 14.7, 19.9, 24.8]), (60, 0.05, [4.9, 7.7, 10.1, 12.4]),
        (93, 0.10, [2.4, 4.1, 5.6, 7.0]),
    ],
)  # fmt: skip
def test_upper_limits_are_the_published_ones(number: int, risk: float, limits: list[float]) -> None:
    """What 0 to 3 deviations in a sample exclude; a sample of nothing but deviations excludes nothing."""
    assert [round(100 * sampling.upper_limit(found, number, risk), 1) for found in range(4)] == limits
    assert sampling.upper_limit(number, number, risk) == 1.0


def test_strata_are_drawn_apart() -> None:
    """Each stratum has its own seed and share; together they are the number, and none is empty."""
    strata = {"early": KEYS[:150], "late": KEYS[150:199], "last": KEYS[199:]}
    numbers = sampling.shares(strata, 20)
    drawn = sampling.stratified(strata, numbers, **DRAW)

    assert numbers == {"early": 15, "late": 4, "last": 1}
    assert {name: len(keys) for name, keys in drawn.items()} == numbers
    assert drawn["early"] != sampling.select(KEYS[:150], seeded(), 15)
    with pytest.raises(ControlError, match="numbers are given for early; strata are early, last, late"):
        sampling.stratified(strata, {"early": 1}, **DRAW)


def test_ambiguous_draws_are_refused() -> None:
    """A key that is there twice, or a part that could be read in two ways, is named."""
    with pytest.raises(ControlError, match=r"a#1 is in the population twice"):
        sampling.population_root(["a#1", "a#1"])
    with pytest.raises(ControlError, match=r"a part of a sample's seed is 'x\\ny'"):
        sampling.seed("P", "C", "D", "R", "x\ny")
    with pytest.raises(ControlError, match=r"a part of a sample's seed is ''"):
        sampling.seed("P", "C", "D", "R", "")
