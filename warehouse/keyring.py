"""The keys of a home as its ledger knows them: introduced, rotated, revoked.

- The ledger names its own key. Another one follows only by a rotation that the key before it cross-signs, and that is
  sealed by a last checkpoint of the old key.
- A pack's key is named by its certificate, under the ledger's key.
- Old keys are moved aside, never deleted: what they signed is verified with their public halves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.errors import ConfigError
from evidence.ledger import keys
from evidence.ledger.anchoring import anchor
from evidence.ledger.statements import Certificate, Key
from evidence.verify.formats import notes
from evidence.verify.keyring import INTRODUCED, REVOKED, ROTATED, KeyEvent, current, read_key_events
from warehouse.checkpoints import LOG_KEY, anchors_of, checkpoint, log_signer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evidence.ledger.statements import CodeIdentity
    from warehouse.home import Home

NEXT = "log.key.next"
"""A new key whose rotation is not finished."""


def key_events(home: Home) -> tuple[KeyEvent, ...]:
    """Everything that the home's ledger says of keys."""
    size = home.log.refresh()
    return read_key_events(home.log.entries(0, size), range(size))


def introduce(home: Home, *, certificate: tuple[str, str] | None, code: CodeIdentity, now: datetime) -> None:
    """State the keys in use where the ledger does not name them yet.

    Args:
        home: whose keys.
        certificate: of the packs' key: its SHA-256, and what the auditor is handed to trust (PEM).
        code: which code states it.
        now: from when on.

    Raises:
        ConfigError: the ledger's key was replaced without a rotation.
    """
    events, vkey = key_events(home), keys.log_key(log_signer(home.config, home.environ)).vkey
    held = current(events, of_log=True)
    if held is None:
        home.log.append([Key(INTRODUCED, vkey, now).encode(now, code)])
    elif held != vkey:
        raise ConfigError(
            f"the ledger's key is {held}, configured is {vkey}: nothing follows from the one to the other",
            next_step="Bring the old key back, and change it with `evidence keys rotate`.",
        )
    if certificate is not None and (before := current(events, of_log=False)) != certificate[0]:
        event = INTRODUCED if before is None else ROTATED
        home.log.append([Certificate(event, certificate[0], now, certificate[1], before).encode(now, code)])


def rotate(home: Home, new: keys.Signer, *, code: CodeIdentity, now: datetime) -> tuple[str, ...]:
    """State that `new` follows the ledger's key, and seal that under both keys; problems of publishing the checkpoint.

    What was stated already is not stated again, so that a rotation that did not finish can be repeated.
    """
    failed: Mapping[str, str] = {}
    if current(key_events(home), of_log=True) != (vkey := keys.log_key(new).vkey):
        old = log_signer(home.config, home.environ)
        introduce(home, certificate=None, code=code, now=now)
        cross = keys.rotation(old, new)
        home.log.append([Key(ROTATED, vkey, now, keys.log_key(old).vkey, cross).encode(now, code)])
        failed = anchor(home.log, home.store, old, anchors_of(home), now=now)
    note = home.log.latest()
    if note is not None:  # under both keys, so that whoever knows one of them can go on from it
        home.log.cosigned(note, notes.parse(keys.sign_note(notes.parse(note).text, new)).signatures)
    return tuple(f"{address}: {why}" for address, why in failed.items())


def rotate_file(home: Home, *, code: CodeIdentity, now: datetime) -> tuple[str, ...]:
    """Replace the ledger's key file by a new key; problems of publishing the checkpoints of both."""
    folder = home.config.keys_path
    new = keys.load(folder / NEXT) if (folder / NEXT).exists() else keys.generate(folder / NEXT, home.config.log_origin)
    problems = rotate(home, new, code=code, now=now)
    if keys.load(folder / LOG_KEY).public_key != new.public_key:
        retired = folder / f"{LOG_KEY}.retired-{keys.log_key(log_signer(home.config)).key_id:08x}"
        (folder / LOG_KEY).rename(retired)
    (folder / NEXT).rename(folder / LOG_KEY)
    return (*problems, *checkpoint(home, now=now).problems)


def revoke(home: Home, key: str, *, since: datetime, reason: str, code: CodeIdentity, now: datetime) -> None:
    """State that `key`, a vkey or a certificate's SHA-256 that the ledger names, counts no more from `since` on.

    Raises:
        ConfigError: the ledger names no such key, or no reason is given.
    """
    known = {event.key: event for event in key_events(home) if event.event != REVOKED}
    if key not in known:
        raise ConfigError(
            f"the ledger names no key {key!r}; it names: {', '.join(known) or 'none'}",
            next_step="`evidence keys list` shows them.",
        )
    if not reason.strip():
        raise ConfigError("a revocation needs a reason", next_step="Say it with --reason.")
    stated = (
        Key(REVOKED, key, since, reason=reason)
        if known[key].of_log
        else Certificate(REVOKED, key, since, reason=reason)
    )
    home.log.append([stated.encode(now, code)])
