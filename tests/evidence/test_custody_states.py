"""Random histories of a locker: whatever happened, what was received is there, once, and nothing else is told."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from evidence.errors import SourceUnavailable, StoreError
from evidence.ledger.log import Log
from evidence.stores.file import FileStore
from tests.evidence.small_locker import STREAM, Acme, Watched, asked, check_trust, gap, locker, window

DAYS, READS = st.integers(0, 3), st.integers(0, 2)


class Locker(RuleBasedStateMachine):
    """Two lockers over one store, of which either may be closed and opened again; `final` is what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.store = FileStore(root / "locker")
        self.lockers = [locker(self.store), locker(FileStore(root / "locker"))]
        self.log = Log.open(self.store, root / "log", "tests.example/log")
        self.final: dict[tuple[int, int], str] = {}
        self.attempts: dict[tuple[int, int], int] = {}
        self.collections = 0
        self.published: list[bytes] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(who=st.integers(0, 1))
    def reopen(self, who: int) -> None:
        """A process ends and another begins."""
        self.lockers[who] = locker(FileStore(Path(self.folder.name) / "locker"))

    @rule(
        who=st.integers(0, 1), day=DAYS, read=READS, pages=st.integers(0, 3), end=st.sampled_from(["ok", "gap", "less"])
    )
    def collect(self, who: int, day: int, read: int, pages: int, end: str) -> None:
        """A collection that ends: whole, with a gap, or with less than was asked."""
        said = {
            "ok": lambda outcome: outcome,
            "gap": lambda outcome: replace(outcome, gaps=(gap(window(day)),), complete=False),
            "less": lambda outcome: replace(outcome, complete=False),
        }[end]
        source = Acme(pages=pages, outcome=said)
        receipt = self.lockers[who].collect(source, STREAM, window(day), now=asked(day), read=read)
        if (day, read) in self.final:
            assert (receipt.sha256, source.asked) == (self.final[day, read], [])
            return
        assert receipt.body["attempt"] == self.attempts.get((day, read), 0)
        assert source.asked[0][2].get("collections", 0) == (self.collections if read == 0 else 0)
        assert (receipt.complete, receipt.final) == (end == "ok", end != "less")
        self.attempts[day, read] = self.attempts.get((day, read), 0) + 1
        if receipt.final:
            self.final[day, read] = receipt.sha256
            self.collections += read == 0

    @rule(who=st.integers(0, 1), day=DAYS, read=READS, page=st.integers(0, 2))
    def the_source_fails(self, who: int, day: int, read: int, page: int) -> None:
        """It raises half-way: nothing counts."""

        def fail(at: int) -> None:
            if at == page:
                raise SourceUnavailable("later")

        source = Acme(before_page=fail)
        if (day, read) in self.final:
            self.lockers[who].collect(source, STREAM, window(day), now=asked(day), read=read)
            return
        with pytest.raises(SourceUnavailable, match="later"):
            self.lockers[who].collect(source, STREAM, window(day), now=asked(day), read=read)

    @rule(day=DAYS, read=READS, point=st.integers(1, 30), step=st.sampled_from(["before", "after"]))
    def the_store_fails(self, day: int, read: int, point: int, step: str) -> None:
        """A call of it fails, whether it had its effect or not; the receipt is there, whole, or is not."""
        calls = 0

        def on(when: str, call: str, key: str) -> None:
            nonlocal calls
            del call, key
            calls += when == step
            if calls == point:
                raise StoreError("the disk is full")

        custody = locker(Watched(FileStore(Path(self.folder.name) / "locker"), on))
        with suppress(StoreError):
            custody.collect(Acme(), STREAM, window(day), now=asked(day), read=read)
        calls = point  # no more failures
        for receipt in self.lockers[0].attempts(STREAM, window(day), read):
            if receipt.final and (day, read) not in self.final:
                self.final[day, read] = receipt.sha256
                self.attempts[day, read] = receipt.body["attempt"] + 1
                self.collections += read == 0

    @precondition(lambda self: self.final)
    @rule(who=st.integers(0, 1))
    def publish(self, who: int) -> None:
        """All receipts go to the ledger; those that were there keep their place."""
        self.lockers[who].publish(self.log, self.lockers[who].receipts())
        entries = list(self.log.entries(0, self.log.size))
        assert entries[: len(self.published)] == self.published
        assert set(entries) == {self.store.get(receipt.key) for receipt in self.lockers[who].receipts()}
        assert len(entries) == len(set(entries))
        self.published = entries

    @invariant()
    def what_is_told_is_there(self) -> None:
        """Both lockers see the same receipts, each vouching for bytes that are there; what was final stays."""
        count = check_trust(self.store)
        one, other = (custody.receipts() for custody in self.lockers)
        assert one == other
        assert count == len(one) == sum(self.attempts.values())
        assert {r.sha256 for r in one if r.final} == set(self.final.values())
        assert self.lockers[0].cursor(STREAM).get("collections", 0) == self.collections


def test_a_lockers_invariants_hold() -> None:
    """Whatever happens to a locker, in any order, its invariants hold after each step."""
    run_state_machine_as_test(Locker, settings=settings(max_examples=12, stateful_step_count=12, deadline=None))


@pytest.mark.slow
def test_a_lockers_invariants_hold_for_long() -> None:
    """The same, for more and longer histories."""
    run_state_machine_as_test(Locker, settings=settings(max_examples=80, stateful_step_count=30, deadline=None))
