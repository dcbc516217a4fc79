"""Merkle trees of RFC 6962 and RFC 9162: hashes, roots, inclusion and consistency proofs.

- A leaf is hashed behind the byte 0x00, a node behind 0x01, so neither can pass for the other.
- A tree over n leaves splits at the largest power of two below n; the empty tree's root is SHA-256 of nothing.
- A verifier never builds the tree: it folds the given path and compares. What does not hold raises `ProofError`.
- Subtree proofs (draft-ietf-plants-merkle-tree-certs) are the general case; the RFC's start at leaf 0.

`root`, `inclusion_path` and `consistency_path` are the RFC's own recursive definitions over a list of leaf hashes;
the ledger asks the same questions of stored tiles.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from evidence.verify.formats.encoding import HASH_SIZE
from evidence.verify.formats.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a log entry: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an interior node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_point(width: int) -> int:
    """The largest power of two smaller than `width`: where a tree of `width` > 1 leaves divides."""
    return 1 << ((width - 1).bit_length() - 1)


# RFC 6962 section 2.1: MTH, PATH and SUBPROOF. `mth(start, end)` is the hash over the leaves start..end-1.


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH: the root over `leaves`, which are leaf hashes."""
    return _mth_over(leaves)(0, len(leaves)) if leaves else EMPTY_ROOT


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH: the siblings from leaf `index` up to the root's child."""
    return path(_mth_over(leaves), index, 0, len(leaves))


def consistency_path(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF: that the tree over `leaves` extends the tree over its first `old_size`."""
    return subproof(_mth_over(leaves), old_size, 0, len(leaves), whole=True)


def path(mth: Callable[[int, int], bytes], index: int, start: int, end: int) -> list[bytes]:
    """PATH(index, D[start:end]) where `mth` gives the hash of a range."""
    if end - start <= 1:
        return []
    middle = start + split_point(end - start)
    if index < middle:
        return [*path(mth, index, start, middle), mth(middle, end)]
    return [*path(mth, index, middle, end), mth(start, middle)]


def subproof(mth: Callable[[int, int], bytes], old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF(old, D[start:end], whole); `whole`: the old root is this very subtree, so the verifier has its hash."""
    if old == end:
        return [] if whole else [mth(start, end)]
    middle = start + split_point(end - start)
    if old <= middle:
        return [*subproof(mth, old, start, middle, whole=whole), mth(middle, end)]
    return [*subproof(mth, old, middle, end, whole=False), mth(start, middle)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that the leaf hash `leaf` stands at `index` of the tree of `size` leaves with root `expected`."""
    _check_hashes(leaf, *proof)
    if not 0 <= index < size:
        raise ProofError(f"leaf index {index} is outside a tree of {size} leaves")
    if root_from_path(leaf, index, size, proof) != expected:
        raise ProofError(f"the inclusion proof of leaf {index} does not lead to the root of size {size}")


def root_from_path(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof implies (RFC 9162 section 2.1.3.2)."""
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError(f"the inclusion proof of leaf {index} is too long for {size} leaves")
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(f"the inclusion proof of leaf {index} is too short for {size} leaves")
    return current


def verify_subtree_inclusion(
    leaf: bytes, index: int, subtree: tuple[int, int], proof: Sequence[bytes], expected: bytes
) -> None:
    """Check that the leaf at `index` is in the valid subtree [start, end) whose hash is `expected`."""
    start, end = subtree
    _check_subtree(start, end)
    verify_inclusion(leaf, index - start, end - start, proof, expected)


def verify_consistency(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> None:
    """Check that the tree `new` = (size, root) only appends to the tree `old`.

    A proof from the empty tree would say nothing, so it is refused; every tree extends the empty one.
    """
    (old_size, old_root), (size, new_root) = old, new
    if old_size == 0 and size > 0:
        raise ProofError("a consistency proof from the empty tree says nothing")
    verify_subtree_consistency((0, old_size), size, proof, old_root, new_root)


def verify_subtree_consistency(
    subtree: tuple[int, int], size: int, proof: Sequence[bytes], subtree_hash: bytes, expected: bytes
) -> None:
    """Check that the subtree [start, end) with `subtree_hash` is part of the tree of `size` with root `expected`."""
    start, end = subtree
    if end > size:
        raise ProofError(f"subtree [{start}, {end}) is outside a tree of {size} leaves")
    if start == end:
        holds = not proof and subtree_hash == EMPTY_ROOT and (size > 0 or expected == EMPTY_ROOT)
    else:
        _check_subtree(start, end)
        _check_hashes(*proof)
        holds = _fold_consistency(subtree, size, proof, subtree_hash) == (subtree_hash, expected)
    if not holds:
        raise ProofError(f"subtree [{start}, {end}) is not consistent with the root of size {size}")


def _fold_consistency(
    subtree: tuple[int, int], size: int, proof: Sequence[bytes], subtree_hash: bytes
) -> tuple[bytes, bytes]:
    """The subtree's hash and the tree's root as the proof implies them (RFC 9162 section 2.1.4.2, generalised)."""
    first, second, last = subtree[0], subtree[1] - 1, size - 1
    while first != second and (second == last or second & 1):
        first, second, last = first >> 1, second >> 1, last >> 1
    rest = list(proof)
    if first != second:
        if not rest:
            raise ProofError("the consistency proof is empty")
        old = new = rest.pop(0)
    else:
        old = new = subtree_hash
    for sibling in rest:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if second & 1 or second == last:
            if first < second:
                old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not second & 1:
                first, second, last = first >> 1, second >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        first, second, last = first >> 1, second >> 1, last >> 1
    if last != 0:
        raise ProofError("the consistency proof is too short")
    return old, new


def _mth_over(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def mth(start: int, end: int) -> bytes:
        if end - start == 1:
            return leaves[start]
        middle = start + split_point(end - start)
        return node_hash(mth(start, middle), mth(middle, end))

    return mth


def _check_subtree(start: int, end: int) -> None:
    """A subtree is valid if it starts at a multiple of the smallest power of two that is not below its width."""
    if not 0 <= start < end or start % (1 << (end - start - 1).bit_length()):
        raise ProofError(f"[{start}, {end}) is not a subtree of a Merkle tree")


def _check_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise ProofError(f"a hash of {len(value)} bytes, SHA-256 has {HASH_SIZE}")
