"""A receipt always fits a ledger leaf, and holds no credential."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.capture import Gap, Outcome
from evidence.custody import Custody
from evidence.errors import ConfigError, SourceRejected
from evidence.ledger.batches import check_statement
from evidence.stores.file import FileStore
from tests.evidence.small_locker import STREAM, Acme, asked, check_trust, contents, locker, window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evidence.sources.base import Keep

TOKEN = "gh" + "p_" + "a1B2" * 9


@pytest.fixture
def below(tmp_path: Path) -> FileStore:
    """An empty store."""
    return FileStore(tmp_path / "locker")


def saying(outcome: Outcome) -> Acme:
    """A source with this outcome."""
    return Acme(outcome=lambda _: outcome)


HUGE = Outcome(
    cursor={"seen": {f"/path/{n}\x01": "é" * 20 for n in range(5000)}},
    totals={f"question {n} \u2028": n for n in range(5000)},
    gaps=tuple(
        Gap(window().start + timedelta(seconds=n), window().start + timedelta(seconds=n + 1), f"cause {n} \x02", "elk")
        for n in range(3000)
    ),
    complete=False,
)


def test_whatever_a_source_says_fits_a_leaf(below: FileStore) -> None:
    """Long cursors, totals and gaps become objects; the receipt names them, and they read back the same."""
    custody = locker(below)
    first = custody.collect(saying(HUGE), STREAM, window(0), now=asked(0))
    second = custody.collect(saying(HUGE), STREAM, window(1), now=asked(1))
    for receipt in (first, second):
        check_statement(below.get(receipt.key))
        assert custody.totals(receipt) == HUGE.totals
        assert custody.gaps(receipt) == HUGE.gaps
    assert custody.cursor(STREAM) == HUGE.cursor
    assert second.body["cursor_before"] == first.body["cursor_after"]
    assert check_trust(below) == 2


def test_gaps_that_do_not_fit_are_covered_by_one(below: FileStore) -> None:
    """Who reads the receipt alone takes too much for missing, never too little."""
    receipt = locker(below).collect(saying(HUGE), STREAM, window(), now=asked())
    (hull,) = receipt.body["gaps"]
    assert (hull["start"], hull["end"]) == ("2026-07-01T04:00:00Z", "2026-07-01T04:50:00Z")
    assert hull["cause"].startswith("3000 gaps, listed in gaps/")
    assert hull["recoverable_from"] == "elk"
    assert receipt.body["gap_list"]["count"] == 3000
    assert receipt.final


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 70_000), character=st.sampled_from(["a", "\x01", "é", "😀", "\\"]),
    keys=st.sampled_from([("object",), ("seen",), ("object", "seen")]),
)  # fmt: skip
def test_sizes_around_every_limit_fit(tmp_path: Path, size: int, character: str, keys: tuple[str, ...]) -> None:
    """One long text in the cursor, a total's name and a gap's cause: the leaf holds, and the cursor comes back."""
    cursor = dict.fromkeys(keys, character * size)
    of = (Gap(window().start, window().end, character * size, character * size),)
    outcome = Outcome(cursor, {character * size: 1}, of)
    custody = Custody(
        FileStore(tmp_path / f"{size}-{ord(character)}-{len(keys)}{keys[0]}"), collector={"n": "x" * 4000}
    )
    for day in range(2):
        check_statement(custody.store.get(custody.collect(saying(outcome), STREAM, window(day), now=asked()).key))
    assert custody.cursor(STREAM) == cursor


@pytest.mark.parametrize("name", ["ü" * 2000, "\x01" * 2700, "a\udcffb.json", "x" * 4096])
def test_any_file_name_fits_a_leaf(below: FileStore, tmp_path: Path, name: str) -> None:
    """As long as paths can be, in any letters, also those that are no UTF-8."""
    path = tmp_path / "file"
    path.write_bytes(b"{}")
    receipt = locker(below).keep_file("acme.files", path, name=name, now=asked())
    check_statement(below.get(receipt.key))
    assert locker(below).keep_file("acme.files", path, name=name, now=asked(1)) == receipt


def test_a_name_or_collector_beyond_all_measure_is_refused(below: FileStore, tmp_path: Path) -> None:
    """What could not be part of a leaf is refused before anything is stored."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is longer than the 16384 bytes"):
        locker(below).keep_file("acme.files", tmp_path / "file", name="x" * 20_000, now=asked())
    with pytest.raises(ConfigError, match="longer than 4096 bytes"):
        Custody(below, collector={"name": "x" * 5000})
    assert contents(below) == {}


@pytest.mark.parametrize(
    "outcome",
    [Outcome({"position": 0.5}), Outcome({"position": 2**53}), Outcome({"a": "\ud800"}), Outcome({}, {"n": 2**60})],
)
def test_a_cursor_that_json_cannot_hold_is_the_sources_defect(below: FileStore, outcome: Outcome) -> None:
    """It would not come back as it was: the source is told, and no receipt is written."""
    with pytest.raises(SourceRejected, match="cursor or totals cannot be kept"):
        locker(below).collect(saying(outcome), STREAM, window(), now=asked())
    assert locker(below).receipts() == []


class Talkative(Acme):
    """Says too much in request, context, headers and gaps."""

    def collect(self, *_: object, keep: Keep, **__: object) -> Outcome:
        """One body."""
        response: Mapping[str, Any] = {
            "status": 200, "ETag": '"e"', "set-cookie": "session=abc", "Authorization": f"Bearer {TOKEN}",
            "x-vault-token": "hidden", "link": f"<https://x.example/?page=2&access_token={TOKEN}>; rel=next",
            "retried": [f"https://user:hunter2@x.example/ timed out, {TOKEN}"], "offset": 2**60,
        }  # fmt: skip
        request = f"GET /x?page_token=p1&access_token=hunter2&X-Amz-Signature=hunter2&a=1;password=hunter2&t={TOKEN}"
        context = {"_repo": "acme/ledger", "_s3": {"key": "prod/state", "client_secret": "hunter2", "size": 0.5}}
        keep(b"{}", request=request, response=response, context=context)
        cause = f"GET /y?sig=hunter2 failed with {TOKEN} \ud800"
        return Outcome({}, {f"/z?token=hunter2 {TOKEN}": 1}, (Gap(window().start, window().end, cause),))


def test_no_credential_stands_in_anything_but_the_capture(below: FileStore) -> None:
    """Tokens in queries, URLs, context, headers, causes and totals are replaced; other headers are not kept."""
    custody = locker(below)
    receipt = custody.collect(Talkative(), STREAM, window(), now=asked())
    everything = b"".join(below.get(key) for key in below.list(""))
    for secret in (TOKEN, "hunter2", "hidden", "session=abc"):
        assert secret.encode() not in everything
    (seen,) = custody.sightings(receipt)
    assert seen.request == (
        "GET /x?page_token=p1&access_token=REDACTED&X-Amz-Signature=REDACTED&a=1;password=REDACTED&t=REDACTED"
    )
    assert seen.response == {
        "status": 200, "etag": '"e"', "link": "<https://x.example/?page=2&access_token=REDACTED>; rel=next",
        "retried": ["https://REDACTED@x.example/ timed out, REDACTED"], "offset": str(2**60),
    }  # fmt: skip
    assert seen.context == {
        "_repo": "acme/ledger",
        "_s3": {"key": "prod/state", "client_secret": "REDACTED", "size": "0.5"},
    }
    assert receipt.body["gaps"][0]["cause"] == r"GET /y?sig=REDACTED failed with REDACTED \ud800"
    assert receipt.body["totals"] == {"/z?token=REDACTED REDACTED": 1}


def test_a_cursor_with_a_credential_is_refused(below: FileStore) -> None:
    """A cursor must come back as it was, so that nothing in it can be replaced: the source is at fault."""
    source = saying(replace(HUGE, cursor={"seen": [{"url": f"/x?t={TOKEN}"}]}))
    with pytest.raises(SourceRejected, match="cursor holds a credential"):
        locker(below).collect(source, STREAM, window(), now=asked())
    assert TOKEN.encode() not in b"".join(below.get(key) for key in below.list(""))
