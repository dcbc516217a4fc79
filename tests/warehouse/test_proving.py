"""One record proven: from its text to the log, and every forgery of the way between."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.main import main
from evidence.canonical import canonical
from evidence.capture import Outcome, Window
from evidence.errors import ConfigError, IntegrityError
from evidence.ledger import keys
from evidence.record_roots import capture_root, leaves
from evidence.sources.base import Stream
from evidence.verify.formats import merkle
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.record import Proven, verify_record
from evidence.verify.trust import Revoked, Trust
from reports.pack.signers import make_signers
from warehouse.checkpoints import checkpoint
from warehouse.open import open_home
from warehouse.proving import prove

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from evidence.sources.base import Keep
    from warehouse.home import Home

NOW = datetime(2026, 7, 2, 6, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1, hours=6), NOW - timedelta(hours=6))
STREAM = "github.workflow_runs"
BODIES = [
    b'{"total_count": 3, "workflow_runs": [{"id": 1}, {"id": 2, "name": "\xc3\xa9"},\n {"id": 3}]}',
    b'{"workflow_runs": [{"id": 4}]}',
    b'{"workflow_runs": []}',
]
LISTING = b'[{"id": 9}]'


class Runs:
    """A source that lists first, then gives three pages, of which one is seen twice."""

    streams: tuple[Stream, ...] = (Stream(STREAM, "events"),)

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """The listing is no page; what was not modified brings nothing new."""
        del window, cursor, now
        keep(LISTING, request="GET /repos", response={"status": 200}, context={"_listing": True})
        for body in (*BODIES, BODIES[0]):
            keep(body, request=f"GET /{stream}", response={"status": 200})
        return Outcome()

    def close(self) -> None:
        """Nothing is open."""


def make(folder: Path, **proofs: object) -> Home:
    """A home that received the pages."""
    folder.mkdir(exist_ok=True)
    settings = {"company": "Acme", "store": {"retention_years": 0}, "record_proofs": proofs}
    (folder / "evidence.yaml").write_text(yaml.safe_dump(settings))
    home = open_home(folder / "evidence.yaml", now=NOW)
    make_signers(home.config, now=NOW)
    receipt = home.custody.collect(Runs(), STREAM, WINDOW, now=NOW)
    home.custody.publish(home.log, [receipt])
    home.log.append([canonical({"n": n}) for n in range(5)])
    checkpoint(home, now=NOW)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With proofs, as by default."""
    return make(tmp_path / "acme")


def digest(body: bytes) -> str:
    """Its name as a capture."""
    return hashlib.sha256(body).hexdigest()


def trust(home: Home) -> Trust:
    """What the auditor holds of the log."""
    signer = keys.load(home.config.keys_path / "log.key")
    return Trust(log_vkeys=(keys.log_key(signer).vkey,))


def test_a_record_leads_to_the_log(home: Home) -> None:
    """Every record of every page, by its exact text; nothing of its neighbours is in the file."""
    for body, number, text in [
        (BODIES[0], 0, '{"id": 1}'),
        (BODIES[0], 1, '{"id": 2, "name": "é"}'),
        (BODIES[0], 2, '{"id": 3}'),
        (BODIES[1], 0, '{"id": 4}'),
    ]:
        proof = prove(home, digest(body), number, stream=STREAM)
        found = verify_record(proof, trust(home))
        assert (found.record, found.capture, found.number) == (text, digest(body), number)
        assert found.receipt["stream"] == STREAM
        assert found.receipt["records"]["count"] == 4
        neighbours = [n for n in (1, 2, 3, 4, 9) if f'"id": {n}' not in text]
        assert not [n for n in neighbours if f'\\"id\\": {n}'.encode() in proof]


def test_a_proof_under_a_revoked_key_does_not_hold(home: Home) -> None:
    """Unless a quorum of witnesses says that the checkpoint is older than the revocation."""
    believed = trust(home)
    proof = prove(home, digest(BODIES[0]), 0, stream=STREAM)
    revoked = dataclasses.replace(believed, revoked=(Revoked(believed.log_vkeys[0], NOW, "stolen"),))
    with pytest.raises(ProofError, match="was revoked as of"):
        verify_record(proof, revoked)


def test_what_cannot_be_proven_is_told(home: Home) -> None:
    """A number beyond the capture, a page without records, a listing, an unknown digest."""
    with pytest.raises(ConfigError, match="has no readable record 3; it has 3"):
        prove(home, digest(BODIES[0]), 3)
    with pytest.raises(ConfigError, match="has no readable record 0; it has 0"):
        prove(home, digest(BODIES[2]), 0)
    with pytest.raises(ConfigError, match="no receipt brought the capture"):
        prove(home, digest(LISTING), 0)
    with pytest.raises(ConfigError, match=r"no receipt of github\.reviews brought"):
        prove(home, digest(BODIES[0]), 0, stream="github.reviews")


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """For a stream, or for all; such a receipt is as before, and the error says what to do."""
    settings: list[dict[str, object]] = [{"without": [STREAM]}, {"collected": False}]
    for number, setting in enumerate(settings):
        home = make(tmp_path / str(number), **setting)
        (receipt,) = home.custody.receipts(STREAM)
        assert "records" not in receipt.body
        with pytest.raises(ConfigError, match="was received without record proofs"):
            prove(home, digest(BODIES[0]), 0)


def test_imported_files_are_proven_where_asked(tmp_path: Path) -> None:
    """An import is divided only if the configuration says so."""
    for number, wanted in enumerate([True, False]):
        home = make(tmp_path / str(number), imported=wanted)
        (tmp_path / "export.json").write_bytes(b'{"id": 7}\n{"id": 8}\n')
        receipt = home.custody.keep_file(STREAM, tmp_path / "export.json", name="export.json", now=NOW)
        assert ("records" in receipt.body) is wanted


def test_a_receipt_outside_the_ledger_proves_nothing(home: Home) -> None:
    """Custody's receipt is no proof before it is logged and under a checkpoint."""
    later = Window(WINDOW.end, WINDOW.end + timedelta(days=1))
    BODIES.append(b'{"workflow_runs": [{"id": 77}]}')
    try:
        receipt = home.custody.collect(Runs(), STREAM, later, now=NOW + timedelta(days=1))
    finally:
        body = BODIES.pop()
    with pytest.raises(ConfigError, match="is not in the ledger yet"):
        prove(home, digest(body), 0)
    home.custody.publish(home.log, [receipt])
    with pytest.raises(ConfigError, match="is under no checkpoint"):
        prove(home, digest(body), 0)


def test_code_that_divides_otherwise_is_noticed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots that cannot be made again are an error, not a wrong proof."""
    monkeypatch.setattr("warehouse.proving.texts_of", lambda _stream: lambda body: [body])
    with pytest.raises(IntegrityError, match="another root over their records"):
        prove(home, digest(BODIES[0]), 0)


def change(*path: str, to: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    """A forgery: the member at `path` becomes something else."""

    def apply(value: dict[str, Any]) -> None:
        for name in path[:-1]:
            value = value[name]
        value[path[-1]] = to(value[path[-1]])

    return apply


def said(name: str, to: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    """A forgery of the receipt's text."""
    return change("receipt", to=lambda text: canonical({**json.loads(text), name: to(json.loads(text)[name])}).decode())


def grown(value: dict[str, Any]) -> None:
    """The record is claimed of a capture with more records, and the path made to fit."""
    value["capture"]["count"] += 1
    value["capture"]["path"].append("00" * 32)


def own_tree(value: dict[str, Any]) -> None:
    """A record of one's own in a tree of one's own, with the receipt's root made to fit."""
    value["record"] = '{"id":666}'
    root = capture_root(value["capture"]["sha256"], [b'{"id":666}'])
    value["capture"] |= {"number": 0, "count": 1, "path": [], "position": 0, "captures": 1, "captures_path": []}
    said("records", lambda _: {"captures": 1, "count": 1, "root": merkle.root([root.leaf]).hex()})(value)


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another text": change("record", to=lambda text: text.replace("2", "5")),
    "white space in the text": change("record", to=lambda text: text + " "),
    "the neighbour's number": change("capture", "number", to=lambda number: number - 1),
    "another capture": change("capture", "sha256", to=lambda _: digest(BODIES[1])),
    "more records than there are": grown,
    "a path cut short": change("capture", "path", to=lambda path: path[:-1]),
    "a path of another": change("capture", "path", to=lambda path: path[::-1]),
    "another place among the captures": change("capture", "position", to=lambda n: n + 1),
    "more captures than the receipt has": change("capture", "captures", to=lambda n: n + 1),
    "another time of asking": said("asked_at", lambda _: "2026-06-01T00:00:00Z"),
    "another stream": said("stream", lambda _: "github.reviews"),
    "a tree of one's own": own_tree,
    "another place in the log": change("log", to=lambda text: text.replace("index 0", "index 1")),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_forged_proofs_do_not_hold(case: str, home: Home) -> None:
    """Each link from the record to the log is checked; none can be exchanged alone or with those before it."""
    value = json.loads(prove(home, digest(BODIES[0]), 1))
    FORGERIES[case](value)
    with pytest.raises(ProofError, match=r"."):
        verify_record(canonical(value), trust(home))


def test_the_log_of_a_stranger_is_not_believed(home: Home, tmp_path: Path) -> None:
    """A whole log made for one proof needs the log's key; with that stolen, the witnesses that were asked for."""
    proof = prove(home, digest(BODIES[0]), 1)
    other = make(tmp_path / "other")
    with pytest.raises(ProofError, match="no signature by a trusted key"):
        verify_record(proof, trust(other))
    witness = keys.generate(tmp_path / "w.key", "witness.example/w", kind=keys.WITNESS)
    asking = Trust(log_vkeys=trust(home).log_vkeys, witness_vkeys=(keys.witness_key(witness).vkey,), witness_quorum=1)
    with pytest.raises(ProofError, match="quorum"):
        verify_record(proof, asking)


MALFORMED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "an unknown member": (lambda value: value.update(note="x"), "unknown members: note"),
    "another format": (change("format", to=lambda _: "x/1"), "has format 'x/1'"),
    "a number beyond the capture": (change("capture", "number", to=lambda _: 9), "outside a capture of 3"),
    "a negative count": (change("capture", "count", to=lambda _: -1), "count is not a count"),
    "a path that is none": (change("capture", "path", to=lambda _: "x"), "path is no list"),
    "a hash that is none": (change("capture", "sha256", to=lambda _: "AB"), "is not a SHA-256"),
    "no record": (change("record", to=lambda _: ""), "record is not a text"),
    "half a surrogate": (change("record", to=lambda _: "\ud800"), "is not JSON"),
    "no receipt": (change("receipt", to=lambda _: '{"kind":"plan"}'), "no receipt with a root"),
    "no proof of the log": (change("log", to=lambda _: "hello"), "a proof starts with"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_proofs_are_refused(case: str, home: Home) -> None:
    """Nothing is guessed, nothing unknown is passed over."""
    forge, message = MALFORMED[case]
    value = json.loads(prove(home, digest(BODIES[0]), 1))
    forge(value)
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with pytest.raises(FormatError, match=message):
        verify_record(data.encode("utf-8", "surrogatepass"), trust(home))


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=40), st.data())
def test_every_record_of_any_capture_has_its_path(texts: list[bytes], data: st.DataObject) -> None:
    """Whatever the number of records, each leads to the capture's root, and no other text does."""
    number = data.draw(st.integers(0, len(texts) - 1))
    root = capture_root("ab" * 32, texts)
    path = merkle.inclusion_path(leaves(texts), number)
    assert merkle.root_from_path(merkle.leaf_hash(texts[number]), number, len(texts), path) == root.root
    assert merkle.root_from_path(merkle.leaf_hash(texts[number] + b"."), number, len(texts), path) != root.root


def test_the_verbs(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`evidence prove` writes what `evidence verify-proof` accepts; forged it fails; wrong usage ends with 2."""
    config, file = str(home.config.root / "evidence.yaml"), tmp_path / "proof.json"
    trusted = str(home.config.keys_path / "trust.json")
    name = f"{digest(BODIES[0])}:1"
    assert main(["prove", name, "--config", config, "--out", str(file)]) == 0
    assert main(["verify-proof", str(file), "--trust", trusted]) == 0
    told = capsys.readouterr().out
    assert "OK: this record was received and logged" in told
    assert '{"id": 2, "name": "é"}' in told
    assert "the trust file asks for no witness" in told
    assert main(["verify-proof", str(file), "--trust", trusted, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stream"] == STREAM
    assert main(["prove", name, "--config", config, "--stream", STREAM]) == 0
    file.write_text(capsys.readouterr().out.replace('\\"id\\": 2', '\\"id\\": 5'))
    assert main(["verify-proof", str(file), "--trust", trusted]) == 1
    assert "FAILED" in capsys.readouterr().out
    assert main(["verify-proof", str(file), "--trust", trusted, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    assert main(["prove", "x:1", "--config", config]) == 2
    for wrong in (str(tmp_path / "absent"), str(file)):
        assert main(["verify-proof", str(file), "--trust", wrong]) == 2
    assert "is no trust file" in capsys.readouterr().err


def test_what_is_shown_of_a_proof(home: Home) -> None:
    """The facts come from the receipt that is in the log."""
    found: Proven = verify_record(prove(home, digest(BODIES[1]), 0), trust(home))
    assert (found.count, found.receipt["window"], found.accepted.checkpoint.size) == (1, WINDOW.as_json(), 6)
