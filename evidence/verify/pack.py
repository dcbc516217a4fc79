"""Verify one evidence pack, offline: the order in which things are believed.

1. The signature gate says which bytes the company signed (`signature`).
2. Attachments, and among them the manifest, are read from those bytes alone (`attachments`).
3. The manifest names every attachment and every file in `NAME.d/` by digest; nothing may be missing or unnamed.
4. The log's statements and proofs that the manifest carries are checked against the auditor's own keys (`log`).

Whatever could not be looked at because an earlier step failed is reported as not checked, never left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from evidence.verify.anchors import ANCHORS_NAME, Held
from evidence.verify.attachments import read_attachments
from evidence.verify.collection import Elsewhere, check_collection
from evidence.verify.errors import UsageError
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.keyring import follow, read_key_events
from evidence.verify.log import Head, check_extends, check_log, read_head
from evidence.verify.manifest import LEDGER_NAME, MANIFEST_NAME, parse_manifest, parse_statements
from evidence.verify.report import Check, Name, Report, Result, failed, not_checked, passed
from evidence.verify.signature import UNARCHIVED, check_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from evidence.verify.manifest import Manifest, NamedFile
    from evidence.verify.signature import Signed
    from evidence.verify.trust import Trust

NOT_REPERFORMED = (
    "That the conclusions follow from the evidence: re-perform them from the captures (`verify --reperform`)."
)
"""What stays open until somebody has re-performed the controls."""

_SHOWN = 5  # names of files in one message


def verify_pack(
    pack: Path,
    *,
    trust: Trust | None,
    previous: Path | None = None,
    checkpoint: Path | None = None,
    now: datetime,
) -> Report:
    """Check the pack in the file `pack` as of `now`; a pack that does not hold is a report, not an exception.

    Args:
        pack: the signed PDF; files that it does not embed are looked for in `NAME.d/` beside it.
        trust: what the auditor trusts; without it, who signed is not checked.
        previous: the last pack, whose log this pack's must continue.
        checkpoint: a file with a checkpoint of the log that the auditor holds from elsewhere.
        now: the time of verification, aware.

    Raises:
        UsageError: a file that was named cannot be read.
    """
    signed = check_signature(_bytes(pack), trust, now)
    checks = list(signed.checks)
    manifest, attachments = _contents(signed, checks)
    before = None if previous is None else _Previous(previous, trust, now)
    own = None if checkpoint is None else _bytes(checkpoint)
    if manifest is not None:
        checks.append(_check_attachments(manifest, attachments))
        checks.append(_check_folder(manifest, pack.with_suffix(".d")))
        held = (*(before.heads() if before else ()), *(() if own is None else (Held(own),)))
        elsewhere = Elsewhere(trust, held, signed.signed_at, signed.signing)
        checks.extend(_check_ledger(manifest, attachments, elsewhere))
    if before is not None:
        checks.append(before.check(manifest))
    if own is not None:
        checks.append(_check_held(own, manifest, trust))
    return Report(
        pack=pack.name,
        pack_id=None if manifest is None else manifest.pack_id,
        signer=signed.signer,
        signed_at=None if signed.signed_at is None else signed.signed_at.isoformat(),
        checks=tuple(checks),
        does_not_prove=tuple(_open_questions(checks, signed)),
    )


def signed_contents(pack: Path, trust: Trust | None, now: datetime) -> tuple[Manifest, Mapping[str, bytes]] | None:
    """The manifest of `pack` and its attachments as they were signed; None if there is nothing that could be read.

    Says nothing of who signed: `verify_pack` does.
    """
    manifest, attachments = _contents(check_signature(_bytes(pack), trust, now), [])
    return None if manifest is None else (manifest, attachments)


def _contents(signed: Signed, checks: list[Check]) -> tuple[Manifest | None, Mapping[str, bytes]]:
    """The manifest and the attachments in the signed bytes; what prevents reading them becomes a check."""
    if signed.content is None:
        checks.append(not_checked(Name.MANIFEST, "no bytes of this file are known to be signed"))
        checks.append(not_checked(Name.ATTACHMENTS, "as above"))
        return None, {}
    try:
        attachments = read_attachments(signed.content, signed.reader)
        manifest = parse_manifest(attachments[MANIFEST_NAME])
    except KeyError:
        checks.append(failed(Name.MANIFEST, f"the signed PDF has no attachment {MANIFEST_NAME}"))
        return None, {}
    except FormatError as error:
        checks.append(failed(Name.MANIFEST, str(error)))
        return None, {}
    checks.append(
        passed(Name.MANIFEST, f"{manifest.pack_id}, {manifest.period.label}: names {len(manifest.files)} files")
    )
    return manifest, attachments


def _check_attachments(manifest: Manifest, attachments: Mapping[str, bytes]) -> Check:
    named = {path: file for path, file in manifest.files.items() if file.embedded}
    problems = [f"{name}: not named by the manifest" for name in sorted(attachments.keys() - named - {MANIFEST_NAME})]
    for path, file in named.items():
        if path not in attachments:
            problems.append(f"{path}: missing")
        elif _differs(file, len(attachments[path]), hashlib.sha256(attachments[path]).hexdigest()):
            problems.append(f"{path}: size or digest differs from the manifest")
    return _verdict(Name.ATTACHMENTS, problems, f"{len(named)} attachments, each as the manifest says")


def _check_folder(manifest: Manifest, folder: Path) -> Check:
    named = {path: file for path, file in manifest.files.items() if not file.embedded}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    problems = [f"{name}: not named by the manifest" for name in sorted(present - named.keys())]
    for path, file in named.items():
        if path not in present:
            problems.append(f"{path}: missing in {folder.name}/")
            continue
        try:
            if _differs(file, *_measure(folder / path)):
                problems.append(f"{path}: size or digest differs from the manifest")
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
    return _verdict(Name.FOLDER, problems, f"{len(named)} files in {folder.name}/" if named else "none are named")


def _check_ledger(manifest: Manifest, attachments: Mapping[str, bytes], elsewhere: Elsewhere) -> Iterator[Check]:
    statements = None
    if LEDGER_NAME in attachments:
        try:
            statements = parse_statements(attachments[LEDGER_NAME])
        except FormatError as error:
            yield failed(Name.STATEMENTS, str(error))
            return
    elsewhere = replace(elsewhere, trust=_followed(elsewhere.trust, statements or ()))
    checks = tuple(check_log(manifest.ledger, statements, elsewhere.trust))
    yield from checks
    if manifest.ledger is not None:
        anchors = attachments.get(ANCHORS_NAME)
        yield from check_collection(manifest, checks, statements or (), anchors, elsewhere)


def _followed(trust: Trust | None, statements: Sequence[bytes]) -> Trust | None:
    """The trust, with the log keys that followed by rotation; statements that are no key events are not looked at."""
    if trust is None:
        return None
    try:
        return follow(trust, read_key_events(statements, range(len(statements))))
    except FormatError:
        return trust  # the check of keys says what is wrong


class _Previous:
    """The previous pack; it must itself hold, as far as its signature goes, before its log says anything."""

    def __init__(self, path: Path, trust: Trust | None, now: datetime) -> None:
        signed = check_signature(_bytes(path), trust, now)
        checks = list(signed.checks)
        self._name = path.name
        self._manifest, _ = _contents(signed, checks)
        self._broken = [check.name for check in checks if check.result is Result.FAILED]

    def heads(self) -> tuple[Held, ...]:
        """Its checkpoint, which may prove a time of the log; none if the pack itself does not hold."""
        if self._broken or self._manifest is None or self._manifest.ledger is None:
            return ()
        return (Held(self._manifest.ledger.checkpoint_note.encode("utf-8", "surrogatepass")),)

    def check(self, manifest: Manifest | None) -> Check:
        """Whether the log of `manifest` only appends to this pack's."""
        if self._broken or self._manifest is None:
            return failed(Name.PREVIOUS, f"{self._name} does not verify itself: {', '.join(self._broken)}")
        ledger = self._manifest.ledger
        if ledger is None:
            return not_checked(Name.PREVIOUS, f"{self._name} carries no log")
        if manifest is None:
            return not_checked(Name.PREVIOUS, "this pack's manifest cannot be read")
        return check_extends(Name.PREVIOUS, Head(ledger.origin, ledger.size, ledger.root), manifest.ledger)


def _check_held(note: bytes, manifest: Manifest | None, trust: Trust | None) -> Check:
    try:
        head = read_head(note, trust)
    except (FormatError, ProofError) as error:
        return failed(Name.HELD, f"the checkpoint file: {error}")
    if manifest is None:
        return not_checked(Name.HELD, "this pack's manifest cannot be read")
    return check_extends(Name.HELD, head, manifest.ledger)


def _open_questions(checks: list[Check], signed: Signed) -> Iterator[str]:
    unchecked = {check.name for check in checks if check.result is Result.NOT_CHECKED}
    yield (
        "That the source systems told the truth, or that nothing was dropped before it was received: no log can show "
        "that. The pack's completeness pages bound it by the sources' own totals and sequence numbers."
    )
    yield NOT_REPERFORMED
    if Name.SIGNER in unchecked:
        yield "Who signed: anybody can sign with a key of the same name. Give the trust file (`--trust`)."
    if "software key" in (signed.signer or ""):
        yield "That only the company could sign: its key is a software key, usable by whoever can read its file."
    if Name.TIMESTAMP in unchecked:
        yield "When it was signed: without a trusted timestamp the signing time is the signer's own claim."
    if any(check.name is Name.TIMESTAMP and check.detail.endswith(UNARCHIVED) for check in checks):
        yield "That the timestamp authority's certificate was not revoked: the pack embeds no data about it."
    if Name.PLAN in unchecked:
        yield "That no first or last day and no stream was left out: no plan from before the period says what was due."
    if Name.TIMES in unchecked:
        yield "When evidence was collected: the receipts' times are the collector's own claim."
    if unchecked & {Name.CHECKPOINT, Name.WITNESSES, Name.CONSISTENCY}:
        yield "That the log was not rewritten before this pack by whoever holds its key."
    yield (
        "That the log was not rewritten by somebody with all keys after the last checkpoint that you hold yourself: "
        "keep this pack's, and compare it with the next (`--previous`, `--checkpoint`)."
    )


def _verdict(name: Name, problems: list[str], good: str) -> Check:
    if not problems:
        return passed(name, good)
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return failed(name, "; ".join(problems[:_SHOWN]) + more)


def _differs(file: NamedFile, size: int, digest: str) -> bool:
    return (size, digest) != (file.size, file.sha256)


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return stream.tell(), digest


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
