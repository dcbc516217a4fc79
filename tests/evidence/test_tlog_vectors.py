"""Published conformance vectors: what they accept we accept, what they refuse we refuse."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from evidence.canonical import canonical
from evidence.verify.formats import cosignature, merkle, notes
from evidence.verify.formats.checkpoint import Checkpoint, open_checkpoint
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Vector = dict[str, Any]


@pytest.fixture(scope="module")
def vectors(shared: Path) -> Path:
    """The folder of vectors."""
    return shared / "tlog_vectors"


def _merkle(vectors: Path, kind: str, expected: int) -> list[tuple[str, Vector]]:
    files = sorted((vectors / "merkle" / kind).rglob("*.json"))

    assert expected == len(files)

    return [(str(file), json.loads(file.read_bytes())) for file in files]


def _bytes(vector: Vector, *names: str) -> list[bytes]:
    return [base64.b64decode(vector[name]) for name in names]


def _proof(vector: Vector) -> list[bytes]:
    return [base64.b64decode(item) for item in vector["proof"] or []]


def _agree(name: str, vector: Vector, check: Callable[..., None], *args: Any) -> None:
    try:
        check(*args)
    except ProofError:
        assert vector["wantErr"], f"{name}: refused, must hold"
    else:
        assert not vector["wantErr"], f"{name}: accepted, must be refused"


def test_inclusion_vectors(vectors: Path) -> None:
    """Every RFC 6962 inclusion vector gets its verdict."""
    for name, v in _merkle(vectors, "inclusion", 50):
        leaf, root = _bytes(v, "leafHash", "root")
        _agree(name, v, merkle.verify_inclusion, leaf, v["leafIdx"], v["treeSize"], _proof(v), root)


def test_subtree_inclusion_vectors(vectors: Path) -> None:
    """Every subtree inclusion vector gets its verdict."""
    for name, v in _merkle(vectors, "subtreeinclusion", 102):
        leaf, root = _bytes(v, "leafHash", "root")
        subtree = (v["start"], v["end"])
        _agree(name, v, merkle.verify_subtree_inclusion, leaf, v["leafIdx"], subtree, _proof(v), root)


def test_consistency_vectors(vectors: Path) -> None:
    """Every RFC 6962 consistency vector gets its verdict."""
    for name, v in _merkle(vectors, "consistency", 51):
        old, new = _bytes(v, "root1", "root2")
        _agree(name, v, merkle.verify_consistency, (v["size1"], old), (v["size2"], new), _proof(v))


def test_subtree_consistency_vectors(vectors: Path) -> None:
    """Every subtree consistency vector gets its verdict."""
    for name, v in _merkle(vectors, "subtreeconsistency", 60):
        old, new = _bytes(v, "root1", "root2")
        subtree = (v["start"], v["end"])
        _agree(name, v, merkle.verify_subtree_consistency, subtree, v["size"], _proof(v), old, new)


def test_rfc6962_roots(vectors: Path) -> None:
    """The reference tree has the reference roots at every size."""
    data = json.loads((vectors / "rfc6962/roots.json").read_bytes())
    leaves = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in data["leaves_hex"]]

    assert data["empty_root"] == merkle.root([]).hex()
    for size, root in data["roots_by_size"].items():
        assert root == merkle.root(leaves[: int(size)]).hex()
    for case in json.loads((vectors / "rfc6962/consistency.json").read_bytes()):
        proof = [bytes.fromhex(item) for item in case["proof"]]
        old, new = ((case[k], bytes.fromhex(case[f"{k}_root"])) for k in ("old", "new"))
        merkle.verify_consistency(old, new, proof)

        assert proof == merkle.consistency_path(leaves[: case["new"]], case["old"])


def test_golang_note(vectors: Path) -> None:
    """A note of Go's own suite opens, and its private key signs to the same line."""
    for case in json.loads((vectors / "signed_note/golang_note.json").read_bytes()):
        key = notes.Ed25519Key.parse(case["vkey"])
        note = f"{case['text']}\n{case['signature_line']}".encode()
        opened, verified = notes.open_note(note, [key])
        name, key_id, seed = notes.parse_skey(case["skey"])

        assert case["text"] == opened.text.decode()
        assert [key] == list(verified)
        assert case["vkey"] == key.vkey
        assert (key.name, key.key_id) == (name, key_id)
        assert case["skey"] == notes.encode_skey(name, key.public_key, seed)


def test_cosignature_example(vectors: Path) -> None:
    """The specification's example parses, byte for byte, with its time (its public key is not published)."""
    data = (vectors / "c2sp/cosignature_example.txt").read_bytes()
    note = notes.parse(data)
    log, witness = note.signatures

    assert data == note.encode()
    assert log.name == "example.com/behind-the-sofa"
    assert Checkpoint.parse(note.text).size == 20852163
    assert cosignature.cosigned_at(witness).timestamp() == 1679315147


def test_malformed_proofs(vectors: Path) -> None:
    """Every malformed tlog-proof is refused."""
    cases = json.loads((vectors / "c2sp/tlog_proof_malformed.json").read_bytes())

    assert len(cases) == 3
    for case in cases:
        with pytest.raises(FormatError, match="proof"):
            Proof.parse(case["proof"])


def test_sumdb_checkpoint(vectors: Path) -> None:
    """A real checkpoint of the Go checksum database opens under its published key."""
    case = json.loads((vectors / "sumdb/add_checkpoint_0.json").read_bytes())
    key = notes.Ed25519Key.parse(case["vkey"])
    checkpoint = open_checkpoint(case["checkpoint"].encode(), key, origin="go.sum database tree")

    assert case["size"] == checkpoint.size
    with pytest.raises(ProofError, match=r"speaks for 'go\.sum database tree'"):
        open_checkpoint(case["checkpoint"].encode(), key)


@pytest.mark.parametrize("name", ["french", "unicode", "weird"])
def test_jcs_vectors(vectors: Path, name: str) -> None:
    """RFC 8785's own examples come out byte for byte."""
    given = (vectors / f"jcs/{name}.input.json").read_bytes()
    expected = (vectors / f"jcs/{name}.output.json").read_bytes().rstrip(b"\n")

    assert expected == canonical(json.loads(given))


class TestSigstoreBundles:
    """The transparency-log part of Sigstore's conformance bundles: inclusion proof and checkpoint.

    Certificates, timestamps and envelopes are other layers: a bundle that must fail for those passes here.
    """

    LOG_FAILURES: ClassVar = {
        "checkpoint-bad-keyhint_fail": "key ID",
        "inclusion-proof-corrupted-hash_fail": "inclusion proof",
        "invalid-inclusion-proof_fail": "inclusion proof",
        "rekor2-checkpoint-missing-origin_fail": "non-empty lines",
        "rekor2-checkpoint-missing-size_fail": "non-empty lines",
        "rekor2-checkpoint-no-matching-signature_fail": "no signature by a trusted key",
    }

    def test_every_bundle(self, vectors: Path) -> None:
        """Exactly the bundles whose log part is wrong are refused, each for its reason."""
        folders = sorted(p.parent for p in (vectors / "sigstore_bundles").glob("*/bundle.sigstore.json"))
        refused = {}
        for folder in folders:
            try:
                self._check(folder)
            except (FormatError, ProofError) as error:
                refused[folder.name] = str(error)

        assert len(folders) == 23
        assert sorted(self.LOG_FAILURES) == sorted(refused)
        for name, reason in self.LOG_FAILURES.items():
            assert reason in refused[name], name

    def _check(self, folder: Path) -> None:
        bundle = json.loads((folder / "bundle.sigstore.json").read_bytes())
        for entry in bundle["verificationMaterial"]["tlogEntries"]:
            inclusion = entry.get("inclusionProof")
            if inclusion:
                self._check_entry(folder, entry, inclusion)

    def _check_entry(self, folder: Path, entry: Vector, inclusion: Vector) -> None:
        head = (int(inclusion["treeSize"]), base64.b64decode(inclusion["rootHash"]))
        if "checkpoint" in inclusion:
            head = self._check_checkpoint(folder, entry, inclusion["checkpoint"]["envelope"].encode())
        leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
        path = [base64.b64decode(item) for item in inclusion["hashes"]]
        merkle.verify_inclusion(leaf, int(inclusion["logIndex"]), head[0], path, head[1])

    def _check_checkpoint(self, folder: Path, entry: Vector, envelope: bytes) -> tuple[int, bytes]:
        log_id = base64.b64decode(entry["logId"]["keyId"])
        note = notes.parse(envelope)
        checkpoint = Checkpoint.parse(note.text)
        key = self._key(folder, log_id)
        if key is not None:
            notes.open_note(envelope, [key])
        elif log_id[:4] not in [s.key_id.to_bytes(4, "big") for s in note.signatures]:
            raise ProofError("no signature with the log's key ID")
        return checkpoint.size, checkpoint.root

    @staticmethod
    def _key(folder: Path, log_id: bytes) -> notes.Ed25519Key | None:
        """The Ed25519 key of the bundle's log, if its own trusted root has it (older logs sign with ECDSA)."""
        trusted = folder / "trusted_root.json"
        for log in json.loads(trusted.read_bytes())["tlogs"] if trusted.exists() else []:
            if base64.b64decode(log["logId"]["keyId"]) == log_id and "ED25519" in log["publicKey"]["keyDetails"]:
                raw = base64.b64decode(log["publicKey"]["rawBytes"])[-32:]
                return notes.Ed25519Key(log["baseUrl"].removeprefix("https://"), raw)
        return None
