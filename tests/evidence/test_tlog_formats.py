"""Transparency-log formats: everything that is not exactly the format is refused; what we write, we read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import IntegrityError
from evidence.ledger.keys import FileSigner, cosign, log_key, sign_note, witness_key
from evidence.ledger.tiles import TilePath, decode_entries, encode_entries, partial_width, split_hashes
from evidence.ledger.tree import Frontier
from evidence.verify.formats import merkle, notes
from evidence.verify.formats.checkpoint import Checkpoint, open_checkpoint
from evidence.verify.formats.cosignature import WitnessKey
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.policy import parse_policy
from evidence.verify.formats.proof import Proof

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
ROOT = merkle.leaf_hash(b"x")


def signer(name: str, seed: int) -> FileSigner:
    """A fixed key."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return FileSigner(name, private.public_key().public_bytes_raw(), private)


LOG = signer("log.example", 1)
NOTE = sign_note(Checkpoint("log.example", 1, ROOT).body(), LOG)
LINE = NOTE.decode().split("\n\n")[1]
WITNESSES = {name: signer(f"{name}.example", n) for n, name in enumerate(["x1", "x2", "x3", "y1"], start=2)}


@given(size=st.integers(1, 400), data=st.data())
def test_merkle_proofs(size: int, data: st.DataObject) -> None:
    """Every proof of the reference definitions verifies, and fails with a bit flipped, one missing or another index."""
    leaves = [merkle.leaf_hash(bytes([n % 256, n // 256])) for n in range(size)]
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root, old_root = merkle.root(leaves), merkle.root(leaves[:old])
    path, proof = merkle.inclusion_path(leaves, index), merkle.consistency_path(leaves, old)
    merkle.verify_inclusion(leaves[index], index, size, path, root)
    merkle.verify_consistency((old, old_root), (size, root), proof)
    other = data.draw(st.integers(0, size).filter(lambda n: n != index))
    with pytest.raises(ProofError, match=r"inclusion proof|outside"):
        merkle.verify_inclusion(leaves[index], other, size, path, root)
    if path:
        with pytest.raises(ProofError, match="inclusion proof"):
            merkle.verify_inclusion(leaves[index], index, size, path[:-1], root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        bad = [*proof[:place], bytes([proof[place][0] ^ 1]) + proof[place][1:], *proof[place + 1 :]]
        with pytest.raises(ProofError, match="not consistent"):
            merkle.verify_consistency((old, old_root), (size, root), bad)
    with pytest.raises(ProofError, match=r"not consistent|too long|too short"):
        merkle.verify_consistency((old, old_root), (size, root), [*proof, root])


@given(st.integers(0, 3000))
def test_frontier_has_the_reference_root(size: int) -> None:
    """The streamed root is the reference root, and tiles are cut as the specification says."""
    entries = [n.to_bytes(2, "big") for n in range(size)]
    frontier = Frontier()
    full = [path for path, _ in frontier.extend(entries)]

    assert frontier.root() == merkle.root([merkle.leaf_hash(entry) for entry in entries])
    assert len([path for path in full if path.level == 0]) == size // 256
    assert {path.level: path.width for path, _ in frontier.partials()} == {
        level: width for level in (-1, 0, 1) if (width := partial_width(level, size))
    }


def test_tessera_log(shared: Path) -> None:
    """Another implementation's log: its checkpoints open, and its tiles and bundles are ours byte for byte."""
    folder = shared / "tlog_vectors/tessera_log"
    key = notes.Ed25519Key.parse((folder / "vkey.txt").read_text().strip())
    name, key_id, seed = notes.parse_skey((folder / "skey.txt").read_text().strip())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    theirs = FileSigner(name, private.public_key().public_bytes_raw(), private)
    leaves = [leaf.encode() for leaf in json.loads((folder / "leaves.json").read_bytes())]
    notes_found = sorted(folder.glob("checkpoint.*"))

    assert (log_key(theirs), log_key(theirs).key_id) == (key, key_id)
    assert len(notes_found) == 9
    for file in notes_found:
        size = int(file.suffix[1:])
        frontier = Frontier()
        list(frontier.extend(leaves[:size]))
        checkpoint = open_checkpoint(file.read_bytes(), key)

        assert (size, frontier.root()) == (checkpoint.size, checkpoint.root)
        assert file.read_bytes() == sign_note(checkpoint.body(), theirs)
        for path, data in frontier.partials():
            stored = (folder / str(path)).read_bytes()

            assert data == stored
            assert TilePath.parse(str(path)) == path
            if path.level < 0:
                assert leaves[:size] == decode_entries(stored, "bundle")


@given(st.integers(-1, 63), st.integers(0, 10**10), st.integers(1, 256))
def test_tile_paths(level: int, index: int, width: int) -> None:
    """A tile has one path, and the path names that tile."""
    path = TilePath(level, index, width)

    assert TilePath.parse(str(path)) == path


def test_tile_path_examples() -> None:
    """The specification's own examples; other spellings are refused."""
    assert str(TilePath(2, 1234067)) == "tile/2/x001/x234/067"
    assert str(TilePath(-1, 0, 17)) == "tile/entries/000.p/17"
    assert [partial_width(level, 70_000) for level in (0, 1, 2)] == [112, 17, 1]
    for bad in ("tile/64/000", "tile/0/0", "tile/0/x000/001", "tile/0/000.p/256", "tile/00/000", "tile/0/000.p/01"):
        with pytest.raises(IntegrityError, match="is not the path of a tile"):
            TilePath.parse(bad)


@given(st.lists(st.binary(max_size=300), max_size=300))
def test_bundles(entries: list[bytes]) -> None:
    """A bundle gives its entries back; a cut one gives none."""
    data = encode_entries(entries)

    assert decode_entries(data, "bundle") == entries
    if data:
        with pytest.raises(IntegrityError, match="ends within an entry"):
            decode_entries(data + b"\x00", "bundle")
    with pytest.raises(IntegrityError, match="a tile has 1 to 256 hashes"):
        split_hashes(b"\x00" * 33, "tile")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (NOTE.replace(b"\n\n", b"\n"), "no empty line"),
        (NOTE[:-1], "ending in a newline"),
        (NOTE.split(b"\xe2")[0], "one or more signature lines"),
        (NOTE.replace(b"log.example\n1", b"log.example\t1"), "control characters"),
        (b"\xff" + NOTE, "UTF-8"),
        (NOTE.replace("— log".encode(), b"- log"), "is not a signature line"),
        (NOTE.replace(b"log.example ", b"log+example "), "is no key name"),
        (NOTE.replace(b"=\n\n", b"\n\n").replace(b"=\n", b"\n"), "is not base64"),
        (NOTE + "— a AAAAAA==\n".encode(), "4 bytes"),
        (NOTE + "— a AAAAAAB=\n".encode(), "not canonical base64"),
        (NOTE + LINE.encode() * 100, "101 signatures"),
        (b"x" * 1_000_001, "1000001 bytes"),
    ],
)
def test_malformed_notes(bad: bytes, message: str) -> None:
    """A note that is not exactly a note is refused."""
    with pytest.raises(FormatError, match=message):
        notes.parse(bad)


def test_note_signatures() -> None:
    """Unknown keys are ignored, a known key's bad signature condemns the note, and no known key is no note."""
    stranger = log_key(signer("log.example", 9))
    with_stranger = NOTE + sign_note(b"other\n", signer("s.example", 8)).split(b"\n\n")[1]

    assert list(notes.open_note(with_stranger, [log_key(LOG), stranger])[1]) == [log_key(LOG)]
    with pytest.raises(ProofError, match="no signature by a trusted key"):
        notes.open_note(NOTE, [stranger])
    for broken in (NOTE.replace(b"\n1\n", b"\n2\n"), NOTE + sign_note(b"other\n", LOG).split(b"\n\n")[1]):
        with pytest.raises(ProofError, match=r"signature of log\.example does not verify"):
            notes.open_note(broken, [log_key(LOG)])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"log\n1\n", "three or more"),
        (b"log\n1\n\n" + b"x\n", "three or more"),
        (b"log\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "leading zeros"),
        (b"log\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "not a decimal"),
        ("log\n\u0661\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".encode(), "not a decimal"),
        (b"log\n9223372036854775808\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "beyond"),
        (b"log\n1\nAAAA\n", "3 bytes"),
        (b"log\n1\nAA A\n", "is not base64"),
        (b"\xff\n1\nAAAA\n", "UTF-8"),
    ],
)
def test_malformed_checkpoints(body: bytes, message: str) -> None:
    """A text that is not exactly a checkpoint is refused."""
    with pytest.raises(FormatError, match=message):
        Checkpoint.parse(body)


def test_keys_as_text() -> None:
    """A vkey gives its key; another ID, type, length or name is refused."""
    vkey = log_key(LOG).vkey

    assert notes.Ed25519Key.parse(vkey) == log_key(LOG)
    for bad, message in [
        (vkey.replace("log", "lag"), "stated"),
        (witness_key(LOG).vkey, "type 0x04, expected 0x01"),
        (f"{vkey.rpartition('+')[0]}+AQAA", "2 bytes"),
        ("a+b", "hexadecimal"),
        ("+" + vkey, "no key name"),
    ]:
        with pytest.raises(FormatError, match=message):
            notes.Ed25519Key.parse(bad)
    with pytest.raises(FormatError, match="expected 0x04"):
        WitnessKey.parse(vkey)
    with pytest.raises(FormatError, match=r"starts with 'PRIVATE\+KEY\+'"):
        notes.parse_skey(vkey)


def test_cosignatures() -> None:
    """A cosignature holds for its checkpoint, time and key, and no other; it is no note signature."""
    body = notes.parse(NOTE).text
    key, good = witness_key(WITNESSES["x1"]), cosign(body, WITNESSES["x1"], NOW).signature
    key.verify(body, good)
    for text, signature in [
        (body + b"x\n", good),
        (body, good[:7] + bytes([good[7] ^ 1]) + good[8:]),
        (body, good[:-1]),
        (body, b"\xff" * 8 + good[8:]),
        (body, WITNESSES["x1"].sign(body)),
    ]:
        with pytest.raises(ProofError, match=r"cosignature of|signature of"):
            key.verify(text, signature)


def policy_text(*lines: str) -> bytes:
    """A policy of the log, all witnesses and `lines`."""
    witnesses = [f"witness {name} {witness_key(key).vkey}" for name, key in WITNESSES.items()]
    return "\n".join([f"log {log_key(LOG).vkey} https://log.example", *witnesses, *lines, ""]).encode()


def cosigned(*names: str) -> bytes:
    """The checkpoint with cosignatures of these witnesses."""
    note = notes.parse(NOTE)
    lines = tuple(cosign(note.text, WITNESSES[name], NOW) for name in names)
    return notes.Note(note.text, note.signatures + lines).encode()


def test_policy_of_groups() -> None:
    """The specification's two-level example: two of X and any of Y."""
    policy = parse_policy(
        policy_text("group X 2 x1 x2 x3", "  # comment", "group\tY any y1", "group both all X Y", "quorum both")
    )

    assert policy.urls == {"log.example": "https://log.example"}
    assert set(policy.accept(cosigned("x1", "x3", "y1")).witnesses) == {"x1", "x3", "y1"}
    for names in (["x1", "x2", "x3"], ["x1", "y1"], ["x1", "x1", "y1"], []):
        with pytest.raises(ProofError, match="quorum 'both' is not met"):
            policy.accept(cosigned(*names))
    with pytest.raises(ProofError, match="does not verify"):
        policy.accept(cosigned("x1", "x2", "y1").replace(b"\n1\n", b"\n2\n"))
    unsigned = notes.parse(cosigned("x1", "x2", "y1"))
    with pytest.raises(ProofError, match="not signed by a log"):
        policy.accept(notes.Note(unsigned.text, unsigned.signatures[1:]).encode())
    other = sign_note(Checkpoint("other.example", 1, ROOT).body(), LOG)
    with pytest.raises(ProofError, match=r"'other\.example' is not signed by a log"):
        policy.accept(other)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "exactly one quorum line"),
        (["quorum none", "quorum x1"], "second quorum"),
        (["quorum nobody"], "not defined on an earlier line"),
        (["group G 3 x1 x2", "quorum G"], "above its 2 members"),
        (["group G 0 x1 x2", "quorum G"], "expected all, any or a number"),
        (["group G any", "quorum G"], "expected log, witness, group or quorum"),
        (["group G any x1", "group H any x1", "quorum G"], "member twice"),
        (["group G any none", "quorum G"], "not defined"),
        (["group x1 any x2", "quorum x1"], "already defined"),
        ([f"log {log_key(LOG).vkey}", "quorum none"], "listed twice"),
        ([f"witness z {witness_key(signer('z', 2)).vkey}", "quorum none"], "listed twice"),
        ([f"witness z {log_key(LOG).vkey}", "quorum none"], "expected 0x04"),
        (["quorum none\r"], "control characters"),
        (["lag x"], "policy line 6: 'lag x'"),
    ],
)
def test_malformed_policies(lines: list[str], message: str) -> None:
    """A policy that could be read in two ways is refused with its line."""
    with pytest.raises(FormatError, match=message):
        parse_policy(policy_text(*lines))


def test_proof_text() -> None:
    """A proof is written and read back, verifies, and is refused when anything in it is off."""
    policy = parse_policy(policy_text("quorum none"))
    proof = Proof(0, (), NOTE, b"extra")
    text = proof.encode()

    assert Proof.parse(text) == proof
    assert proof.verify(b"x", policy).checkpoint.size == 1
    with pytest.raises(ProofError, match="does not lead to the root"):
        proof.verify(b"y", policy)
    for bad, message in [
        (text.replace("@v1", "@v2"), "starts with the line"),
        (text.replace("index 0", "index 00"), "leading zeros"),
        (text.replace("index 0", "index 1"), "outside the tree"),
        (text.replace("extra ", "extra  "), "base64"),
        (text.replace("index 0", "index 0\n" + "\n".join(["A" * 43 + "="] * 64)), "64 hashes"),
        (text.replace("index 0", "index 0\nAAAA"), "3 bytes"),
        (text.replace("index 0\n", ""), "states `index"),
    ]:
        with pytest.raises(FormatError, match=message):
            Proof.parse(bad)
