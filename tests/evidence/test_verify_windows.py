"""What was planned against what was received, and times against anchors: attacks on the edges and on the clock."""

from __future__ import annotations

import base64
import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evidence.canonical import canonical
from evidence.verify.pack import verify_pack
from evidence.verify.report import Name, Report, Result
from reports.pack.keys import make_software_key, write_trust
from reports.pack.manifest import PackFile
from tests import packs
from tests.packs import LogOfTests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reports.pack.keys import PackSigner

START = datetime(2026, 7, 1, 4, tzinfo=UTC)
DAYS = 92
STREAMS = ("github.pull_requests", "vault.audit")

Statement = dict[str, Any]


def utc(moment: datetime) -> str:
    """As statements hold it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def plan(**changes: Any) -> Statement:
    """The quarter's plan, made a day before."""
    body = {
        "kind": "plan", "name": "2026Q3", "at": utc(START - timedelta(days=1)), "period_start": utc(START),
        "period_end": utc(START + timedelta(days=DAYS)), "streams": list(STREAMS), "schedule": "daily", "sla_hours": 26,
    }  # fmt: skip
    return body | changes


def receipt(stream: str, day: int, **changes: Any) -> Statement:
    """A day of a stream, asked two hours after it ended."""
    begin = START + timedelta(days=day)
    end = begin + timedelta(days=1)
    body = {
        "kind": "receipt", "stream": stream, "window": {"start": utc(begin), "end": utc(end)}, "read": 0,
        "complete": True, "gaps": [], "asked_at": utc(end + timedelta(hours=2)),
    }  # fmt: skip
    return body | changes


def quarter() -> list[Statement]:
    """The plan, and every day of every stream, in the order of asking."""
    return [plan(), *(receipt(stream, day) for day in range(DAYS) for stream in STREAMS)]


class Auditor:
    """Makes packs of a log with daily anchors, and verifies them."""

    def __init__(self, folder: Path, signer: PackSigner) -> None:
        self.folder, self.signer = folder, signer
        self.trust = write_trust(
            folder / "trust.json", signers=[signer.trusted_pem], log_vkeys=[LogOfTests().vkey],
            witness_vkeys=LogOfTests().witness_vkeys, witness_quorum=2,
        )  # fmt: skip

    def report(
        self,
        said: Sequence[Statement],
        *,
        shown: Sequence[int] | None = None,
        anchors: Sequence[tuple[int, datetime]] | None = None,
        at: datetime = packs.NOW,
        token: bytes | None = None,
        note: str | None = None,
    ) -> Report:
        """The report on a pack that shows the statements at `shown` (all) of a log that says `said`.

        Args:
            anchors: sizes and the times at which both witnesses saw them; a checkpoint each morning if None.
            at: when the pack's own checkpoint was cosigned.
            token: what stands in place of a timestamp beside each anchor.
            note: what stands in place of each anchor.
        """
        log = LogOfTests(leaves=[canonical(one) for one in said])
        seen = daily(said) if anchors is None else anchors
        shown = range(len(said)) if shown is None else shown
        listed = [
            {"note": note or log.checkpoint(size, when), "timestamp": token and base64.b64encode(token).decode()}
            for size, when in seen
        ]
        anchored = canonical({"format": "evidence-pack-anchors/1", "checkpoints": listed})
        ledger = dataclasses.replace(
            log.ledger(shown, earlier=[size for size, _ in seen if size < len(said)]),
            checkpoint_note=log.checkpoint(None, at),
        )
        file = PackFile("anchors.json", anchored, "anchors", embedded=True)
        pdf = packs.pack_pdf(self.signer, [packs.RISKS, file], ledger, [log.leaves[i] for i in shown])
        path = packs.lay_out(self.folder, pdf, ())
        return verify_pack(path, trust=self.trust, now=packs.NOW + timedelta(days=1))


def daily(said: Sequence[Statement]) -> list[tuple[int, datetime]]:
    """A checkpoint each morning at eight: the plan's, then each with the receipts asked until then."""
    found = [(1, START - timedelta(hours=20))]
    for day in range(DAYS):
        moment = START + timedelta(days=day + 1, hours=4)
        due = itertools.takewhile(lambda one: str(one.get("asked_at", one.get("at"))) <= utc(moment), said)  # noqa: B023
        found.append((len(list(due)), moment))
    return sorted(set(found))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> PackSigner:
    """The company's key."""
    return make_software_key(tmp_path_factory.mktemp("keys"), common_name="Acme", now=packs.NOW - timedelta(days=1))


@pytest.fixture
def auditor(tmp_path: Path, signer: PackSigner) -> Auditor:
    """The auditor with the trust file."""
    return Auditor(tmp_path, signer)


def result(report: Report, name: Name) -> tuple[Result, str]:
    """How one check ended, and its detail."""
    (check,) = [check for check in report.checks if check.name is name]
    return check.result, check.detail


def test_a_quarter_that_was_collected_as_planned_holds(auditor: Auditor) -> None:
    """Plan before the period, every day received, every time borne out by an anchor."""
    report = auditor.report(quarter())
    assert report.named(Result.FAILED) == (), report.to_text()
    assert result(report, Name.PLAN) == (
        Result.OK, "logged 2026-06-30, before the period: 2 streams, each received throughout",
    )  # fmt: skip
    assert result(report, Name.TIMES) == (Result.OK, "184 windows were in the log when their receipts say so")
    assert result(report, Name.ANCHORS)[0] is Result.OK


def without(day: int, stream: str = "vault.audit") -> Callable[[], tuple[list[Statement], list[int]]]:
    """The receipt of a day stands in the log, and the pack does not show it."""

    def forge() -> tuple[list[Statement], list[int]]:
        said = quarter()
        return said, [n for n, one in enumerate(said) if one != receipt(stream, day)]

    return forge


def never_asked(day: int) -> Callable[[], tuple[list[Statement], None]]:
    """The day was never collected."""
    return lambda: ([one for one in quarter() if one != receipt("vault.audit", day)], None)


def without_stream() -> tuple[list[Statement], list[int]]:
    """A whole planned stream is left out."""
    said = quarter()
    return said, [n for n, one in enumerate(said) if one.get("stream") != "vault.audit"]


def not_received() -> tuple[list[Statement], None]:
    """A day's receipt says that nothing came, and gives no gap."""
    said = quarter()
    said[said.index(receipt("vault.audit", 5))] = receipt("vault.audit", 5, complete=False)
    return said, None


def without_plan() -> tuple[list[Statement], list[int]]:
    """The plan is left out together with the first day."""
    said = quarter()
    return said, list(range(3, len(said)))


def shorter_plan() -> tuple[list[Statement], None]:
    """The plan's quarter begins a day later than the pack's."""
    return [plan(period_start=utc(START + timedelta(days=1))), *quarter()[1:]], None


def back_dated_plan() -> tuple[list[Statement], None]:
    """The plan that asks for less says it is from before the quarter, and came into the log at its end."""
    said = [one for one in quarter()[1:] if one["stream"] != "vault.audit"]
    return [receipt("vault.audit", -2), *said, plan(streams=[STREAMS[0]])], None


LEFT_OUT: dict[str, Callable[[], tuple[list[Statement], list[int] | None]]] = {
    "the first day left out": without(0),
    "the last day left out": without(DAYS - 1),
    "a middle day left out": without(40),
    "the first day never asked": never_asked(0),
    "the last day never asked": never_asked(DAYS - 1),
    "a stream left out": without_stream,
    "a day without bytes and without a gap": not_received,
    "the plan left out with the first day": without_plan,
    "a shorter plan of the same name": shorter_plan,
    "a back-dated plan": back_dated_plan,
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_was_planned_cannot_be_left_out(case: str, auditor: Auditor) -> None:
    """With every key of the company stolen, the plan from before the period still asks for each day."""
    said, shown = LEFT_OUT[case]()
    assert auditor.report(said, shown=shown).named(Result.FAILED) == (Name.PLAN,)


def test_the_message_says_what_is_missing(auditor: Auditor) -> None:
    """Stream and stretch are named, so that the auditor can ask for them."""
    said, shown = without(0)()
    assert result(auditor.report(said, shown=shown), Name.PLAN)[1] == (
        "vault.audit was planned and not received from 2026-07-01T04:00:00+00:00 to 2026-07-02T04:00:00+00:00"
    )


def test_a_stream_that_a_later_plan_drops_or_adds(auditor: Auditor) -> None:
    """It is due from the plan that names it until the plan that does not."""
    day = utc(START + timedelta(days=10))
    changed = plan(at=day, streams=[STREAMS[0], "kubernetes.audit"])
    said = [one for one in quarter() if one.get("stream") != "vault.audit"]
    said += [receipt("vault.audit", n) for n in range(10)] + [receipt("kubernetes.audit", n) for n in range(10, DAYS)]
    report = auditor.report([said[0], changed, *said[1:]], anchors=[])
    assert result(report, Name.PLAN)[0] is Result.OK
    short = [one for one in said if one != receipt("vault.audit", 9)]
    assert result(auditor.report([short[0], changed, *short[1:]], anchors=[]), Name.PLAN)[0] is Result.FAILED


def test_a_plan_made_late_promises_nothing_of_the_time_before(auditor: Auditor) -> None:
    """Whoever began in the middle of a quarter is told so, not failed; what came after is due."""
    late = plan(at=utc(START + timedelta(days=30)))
    said = [late, *(receipt(stream, day) for day in range(30, DAYS) for stream in STREAMS)]
    assert result(auditor.report(said, anchors=[]), Name.PLAN)[0] is Result.NOT_CHECKED
    assert result(auditor.report(said[:-1], anchors=[]), Name.PLAN)[0] is Result.FAILED


def test_without_any_plan_nothing_was_promised(auditor: Auditor) -> None:
    """A log that shows every leaf and no plan: not checked, and the report says what that leaves open."""
    report = auditor.report(quarter()[1:], anchors=[])
    assert result(report, Name.PLAN)[0] is Result.NOT_CHECKED
    assert any("no plan from before the period" in line for line in report.does_not_prove)


def test_a_window_with_gaps_was_received_as_far_as_it_can_be(auditor: Auditor) -> None:
    """Gaps are listed on the completeness pages; here the window counts."""
    gap = {"start": utc(START), "end": utc(START), "cause": "git events are kept 7 days", "recoverable_from": ""}
    said = quarter()
    said[said.index(receipt("vault.audit", 0))] = receipt("vault.audit", 0, complete=False, gaps=[gap])
    assert auditor.report(said).named(Result.FAILED) == ()


def back_dated() -> list[Statement]:
    """A day that was not collected is made up two months later, and says that it was asked in time."""
    said = [one for one in quarter() if one != receipt("vault.audit", 10)]
    return [*said, receipt("vault.audit", 10)]


def asked_too_early() -> list[Statement]:
    """A window was asked before it was over."""
    said = quarter()
    said[said.index(receipt("vault.audit", 10))] = receipt("vault.audit", 10, asked_at=utc(START + timedelta(days=10)))
    return said


def asked_later_than_logged() -> list[Statement]:
    """A receipt says that it was asked weeks after it was anchored: the collector's clock was moved."""
    said = quarter()
    moved = receipt("vault.audit", 10, asked_at=utc(START + timedelta(days=60)))
    said[said.index(receipt("vault.audit", 10))] = moved
    return said


def honest_anchors() -> list[tuple[int, datetime]]:
    """The checkpoints of the log that nobody tampered with."""
    return daily(quarter())


TIMES: dict[str, tuple[Callable[[], list[Statement]], list[tuple[int, datetime]] | None, str]] = {
    "back-dated collection": (back_dated, None, "says it was asked on 2026-07-12, and came into the log between"),
    "asked before the window was over": (asked_too_early, honest_anchors(), "before its window was over"),
    "a clock set forward": (asked_later_than_logged, honest_anchors(), "and was in the log by 2026-07-12"),
}


@pytest.mark.parametrize("case", TIMES)
def test_times_that_anchors_contradict_are_detected(case: str, auditor: Auditor) -> None:
    """The first anchored checkpoint that covers a receipt decides, not what the receipt says."""
    forge, anchors, message = TIMES[case]
    found = result(auditor.report(forge(), anchors=anchors), Name.TIMES)
    assert found[0] is Result.FAILED
    assert message in found[1]


def test_lateness_that_receipts_admit_is_told(auditor: Auditor) -> None:
    """A day made up for after an outage says so itself, and is no forgery."""
    moment = START + timedelta(days=20)
    late = receipt("vault.audit", 10, asked_at=utc(moment))
    said = [one for one in quarter() if one != receipt("vault.audit", 10)]
    at = next(n for n, one in enumerate(said) if one.get("asked_at", "") > utc(moment))
    found = result(auditor.report([*said[:at], late, *said[at:]]), Name.TIMES)
    assert found == (
        Result.OK, "184 windows were in the log when their receipts say so; 1 say themselves that they were late",
    )  # fmt: skip


def test_before_the_first_anchor_times_are_claims(auditor: Auditor) -> None:
    """Anchors left out of the pack leave the times unproven, and the report says how many."""
    report = auditor.report(back_dated(), anchors=[])
    assert result(report, Name.TIMES)[0] is Result.NOT_CHECKED
    assert "of 184 windows were asked before the log was first anchored" in result(report, Name.TIMES)[1]


def test_a_forked_anchor_is_detected(auditor: Auditor) -> None:
    """A genuine checkpoint of a log that was rewritten since is not of this log."""
    other = LogOfTests(leaves=[canonical(one) for one in [plan(sla_hours=9000), *quarter()[1:]]])
    note = other.checkpoint(7, START + timedelta(days=4))
    found = result(auditor.report(quarter(), anchors=[(7, START)], note=note), Name.ANCHORS)
    assert found[0] is Result.FAILED
    assert "the log was forked" in found[1]


def test_a_timestamp_that_is_none_is_not_believed(auditor: Auditor, signer: PackSigner) -> None:
    """With a root in the trust file, a token that does not verify fails the log's times."""
    auditor.trust = dataclasses.replace(auditor.trust, timestamp_roots=auditor.trust.signers)
    del signer
    found = result(auditor.report(quarter(), token=b"no token"), Name.ANCHORS)
    assert found[0] is Result.FAILED
    assert "the timestamp cannot be evaluated" in found[1]
