"""The page of attacks names tests that there are, and says how many."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.docs.handbook import page

TESTS = Path(__file__).resolve().parents[1]
PAGE = "docs/tamper-suite.md"
FEWEST = 40


def rows() -> list[tuple[int, str, str, str]]:
    """Number, file, function and case of each attack."""
    found = re.findall(r"^\| (\d+) \|.*\| `([\w/]+\.py)::(\w+)(?:\[(.+)\])?` \|$", page(PAGE), re.MULTILINE)
    return [(int(number), file, function, case) for number, file, function, case in found]


def test_every_attack_is_a_test() -> None:
    """The file has the function, and the function's cases have the case."""
    for _, file, function, case in rows():
        text = (TESTS / file).read_text()
        tree = ast.parse(text)
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in names, (file, function)
        if case and not re.fullmatch(r"True|False|\d+|texts\d-.*", case):
            words = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
            assert case in words | names, (file, case)


def test_there_are_as_many_as_the_page_says() -> None:
    """Numbered without a gap, none twice, and never fewer than promised."""
    numbers = [number for number, *_ in rows()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({row[1:] for row in rows()}) == len(numbers)
    assert len(numbers) >= FEWEST
    assert f"{len(numbers)} attacks" in page(PAGE)
