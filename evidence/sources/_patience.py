"""How long to wait before asking again: exponential back-off with jitter, and what the server says about it.

- Jitter comes from the question and the attempt, so that a test sees the same waits every time and two questions
  that fail together still return apart.
- A wait that the server asks for is kept to the second; one longer than `longest_told` is not sat out but reported.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from evidence.errors import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Patience:
    """When to give up, and how to wait until then.

    Attributes:
        sleep: waits for so many seconds.
        attempts: how often one question is asked in all.
        first: the first wait, in seconds; each further one is twice as long.
        longest: the longest wait of our own choice, in seconds.
        longest_told: the longest wait that a server may ask of us, in seconds.
    """

    sleep: Callable[[float], None] = time.sleep
    attempts: int = 6
    first: float = 1.0
    longest: float = 60.0
    longest_told: float = 3600.0

    def wait(self, question: str, failures: list[str], told: float | None = None) -> None:
        """Wait before asking `question` again.

        Args:
            question: what was asked; no secret.
            failures: what came of it so far, the last one last.
            told: seconds that the server asked for, None if it did not.

        Raises:
            SourceUnavailable: when the attempts are used up or the server asks for too long a wait.
        """
        if len(failures) >= self.attempts:
            raise SourceUnavailable(
                f"{question}: no whole answer in {len(failures)} attempts; the last was: {failures[-1]}",
                next_step="Nothing of this window was taken; it is asked again at the next run.",
            )
        if told is not None and told > self.longest_told:
            raise SourceUnavailable(
                f"{question}: {failures[-1]}, asked to wait {told:.0f} s; we wait {self.longest_told:.0f} s at most",
                next_step="Run again after that time; nothing of this window was taken.",
            )
        own = min(self.first * 2 ** (len(failures) - 1), self.longest)
        self.sleep(told if told is not None else own * (0.5 + _fraction(f"{question}#{len(failures)}") / 2))


def told_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks us to wait: Retry-After, else the reset of an exhausted rate limit.

    The server's own Date is the clock for both; without it a date says nothing, and None is returned.
    """
    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    now = _date(headers.get("date", ""))
    if after and now is not None:
        until = _date(after)
        return max(0.0, until - now) if until is not None else None
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit() and now is not None:
        return max(0.0, float(reset) - now) + 1.0
    return None


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
