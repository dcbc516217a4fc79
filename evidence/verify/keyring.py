"""Which key was valid when: what the log says of keys, held against who signed.

- The log names its own key first (`introduced`); another one follows only by a `rotated` statement that the key before
  it cross-signed. So an auditor who trusts the first key can follow to the latest.
- A checkpoint counts under the key in force at its size. The one that seals a rotation, whose last statement it is, may
  still be signed by the old key.
- A pack counts under the certificate in force when its log was sealed.
- A revoked key counts for what is proven to be older: by an anchored checkpoint, or by the signature's timestamp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evidence.verify import strict_json
from evidence.verify.formats import notes
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.report import Check, Name, failed, not_checked, passed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evidence.verify.anchors import Anchors
    from evidence.verify.trust import Trust

INTRODUCED, ROTATED, REVOKED = "introduced", "rotated", "revoked"
_EVENTS = {name: name for name in (INTRODUCED, ROTATED, REVOKED)}
ROTATION = "key rotation\n"
"""First line of the note by which an old key names its successor; the second one is the new vkey."""


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """What the log says of a key.

    Attributes:
        index: the statement's leaf.
        event: `introduced`, `rotated` or `revoked`.
        key: the vkey of a log's key, or the SHA-256 of a pack's certificate.
        of_log: which of the two.
        since: from when on.
        previous: the key that it follows, of a rotation.
        cross_signature: the old key's note, of a log's rotation.
        certificate: what the auditor is handed to trust (PEM), of a pack's key.
        reason: of a revocation.
    """

    index: int
    event: str
    key: str
    of_log: bool
    since: datetime
    previous: str | None
    cross_signature: str | None
    certificate: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signed a pack, and when if that is proven: the certificate's SHA-256, the time."""

    certificate: str | None = None
    proven_at: datetime | None = None


NOBODY = Signing()
"""Who signed is not known."""


def read_key_events(statements: Iterable[bytes], indexes: Iterable[int]) -> tuple[KeyEvent, ...]:
    """The key events among `statements`, by index; `FormatError` if one is malformed."""
    found = []
    for text, index in zip(statements, indexes, strict=True):
        if b'"kind":"key"' in text:
            value = strict_json.parse(text, f"the statement {index}")
            if value.get("kind") == "key":
                found.append(_event(index, value))
    return tuple(sorted(found, key=lambda event: event.index))


def current(events: Iterable[KeyEvent], *, of_log: bool, size: int | None = None) -> str | None:
    """The key in force over the first `size` leaves, or all; None if they name none."""
    named = [
        event.key
        for event in events
        if event.of_log == of_log and event.event != REVOKED and (size is None or event.index < size)
    ]
    return named[-1] if named else None


def follow(trust: Trust, events: Iterable[KeyEvent]) -> Trust:
    """`trust` with the log keys that trusted ones cross-signed; nothing follows from a key that `trust` revokes."""
    vkeys, revoked = list(trust.log_vkeys), {one.key for one in trust.revoked}
    for event in events:
        fits = event.of_log and event.event == ROTATED and event.key not in vkeys
        if fits and event.previous in vkeys and event.previous not in revoked and cross_signed(event):
            vkeys.append(event.key)
    return replace(trust, log_vkeys=tuple(vkeys))


def cross_signed(event: KeyEvent) -> bool:
    """Whether the old key's note names the new one, of the same log."""
    try:
        old, new = notes.Ed25519Key.parse(event.previous or ""), notes.Ed25519Key.parse(event.key)
        opened, _ = notes.open_note((event.cross_signature or "").encode("utf-8", "surrogatepass"), [old])
    except (FormatError, ProofError):
        return False
    return old.name == new.name and opened.text == f"{ROTATION}{event.key}\n".encode()


def check_keys(
    events: Sequence[KeyEvent], note: bytes, size: int, signing: Signing, trust: Trust | None, anchors: Anchors
) -> Check:
    """Whether checkpoint and pack were signed by keys that were valid then.

    Args:
        events: key events of the pack's log.
        note: the pack's checkpoint, of `size`.
        size: leaves under it.
        signing: who signed the pack.
        trust: the auditor's trust, which may revoke keys too.
        anchors: which size the log had by when.
    """
    revoked = [*_revoked(events), *(() if trust is None else ((one.key, one.since) for one in trust.revoked))]
    if not events and not revoked:
        return not_checked(Name.KEYS, "the log says nothing of keys: which of them was valid when is not shown")
    signers = [vkey for vkey in _known(events, trust) if _signed(note, vkey)]
    problems = [
        *_broken(events),
        *_not_in_force(events, signers, size),
        *_other_certificate(events, signing),
        *_after_revocation(revoked, signers, anchors.by(size - 1)),
        *_after_revocation(revoked, [signing.certificate], signing.proven_at),
    ]
    if problems:
        return failed(Name.KEYS, "; ".join(problems))
    rotations = sum(event.event == ROTATED for event in events)
    return passed(Name.KEYS, f"checkpoint and pack by keys in force; {rotations} rotations, {len(revoked)} revocations")


def _known(events: Iterable[KeyEvent], trust: Trust | None) -> list[str]:
    named = [event.key for event in events if event.of_log]
    return list(dict.fromkeys([*named, *(() if trust is None else trust.log_vkeys)]))


def _signed(note: bytes, vkey: str) -> bool:
    try:
        notes.open_note(note, [notes.Ed25519Key.parse(vkey)])
    except (FormatError, ProofError):
        return False
    return True


def _revoked(events: Iterable[KeyEvent]) -> Iterator[tuple[str, datetime]]:
    return ((event.key, event.since) for event in events if event.event == REVOKED)


def _broken(events: Iterable[KeyEvent]) -> Iterator[str]:
    """Log keys that came in otherwise than by a rotation which the key before them signed."""
    held: str | None = None
    for event in events:
        if not event.of_log or event.event == REVOKED:
            continue
        if event.event == INTRODUCED and held is not None:
            yield f"statement {event.index} introduces a second log key, which the first did not sign"
        elif event.event == ROTATED and (event.previous != held or not cross_signed(event)):
            yield f"statement {event.index} names a log key that the one in force did not sign"
        held = event.key


def _not_in_force(events: Sequence[KeyEvent], signers: list[str], size: int) -> Iterator[str]:
    valid = {current(events, of_log=True, size=size)}
    if any(event.of_log and event.event == ROTATED and event.index == size - 1 for event in events):
        valid.add(current(events, of_log=True, size=size - 1))
    if valid != {None} and not valid & set(signers):
        yield f"the checkpoint of size {size:,} is not signed by the log key in force then"


def _other_certificate(events: Sequence[KeyEvent], signing: Signing) -> Iterator[str]:
    valid = current(events, of_log=False)
    if valid is not None and signing.certificate != valid:
        yield f"the pack is signed with certificate {signing.certificate}, in force was {valid}"


def _after_revocation(
    revoked: Iterable[tuple[str, datetime]], used: Iterable[str | None], by: datetime | None
) -> Iterator[str]:
    names = set(used)
    for key, since in revoked:
        if key in names and (by is None or by >= since):
            yield f"{key} was revoked as of {since:%Y-%m-%d %H:%MZ}, and nothing proves that it signed before"


def _event(index: int, value: dict[str, Any]) -> KeyEvent:
    of_log = "vkey" in value
    try:
        since = datetime.fromisoformat(value["effective_from"]).astimezone(UTC)
        return KeyEvent(
            index, _EVENTS[value["event"]], str(value["vkey" if of_log else "certificate_sha256"]), of_log, since,
            value.get("previous_vkey" if of_log else "previous_sha256"), value.get("cross_signature"),
            value.get("certificate"), str(value.get("reason", "")),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the statement {index} is no key event: {error!r}") from error
