"""Progress: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from typing import Self

_WIDTH = 30
_LINES = 4  # plain lines over a whole run


class Progress:
    """Shows how far a long piece of work has come.

    Args:
        label: what is being done.
        total: how many steps it has.
    """

    def __init__(self, label: str, *, total: int) -> None:
        self._label, self._total, self._done = label, max(total, 1), 0
        self._terminal = sys.stderr.isatty()

    def step(self, note: str = "") -> None:
        """One more step is done."""
        self._done += 1
        if self._terminal:
            filled = _WIDTH * self._done // self._total
            bar = "█" * filled + "·" * (_WIDTH - filled)
            print(f"\r{self._label:<22} {bar} {self._done}/{self._total} {note:<24}", end="", file=sys.stderr)
        elif self._done % max(self._total // _LINES, 1) == 0:
            print(f"{self._label}: {self._done}/{self._total} {note}", file=sys.stderr)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the line."""
        if self._terminal and self._done:
            print(file=sys.stderr)
