"""The company's signature on a pack: the whole gate, offline.

- It is the file's first signature, and it certifies the document (DocMDP).
- AdES validation alone is not enough: it passes files whose pages or attachments an appended update replaced. So
  the gate also asks what was appended, and only validation data, timestamps and countersignatures are allowed.
- Bytes behind the last signature must be a revision of the document; anything else is hidden luggage.
- Nothing is fetched. Only the auditor's own roots are trusted, never a system's store.
- What was signed is the file from its first byte to the end of the signature's byte range. Everything that is read
  from a pack is read from those bytes alone (`Signed.content`), never from what was appended.
"""

from __future__ import annotations

import asyncio
import io
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation.ades import ades_basic_validation, ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    FreshnessReqType,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager

from evidence.verify.keyring import NOBODY, Signing
from evidence.verify.report import Check, Name, Result, failed, not_checked, passed
from evidence.verify.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from evidence.verify.trust import TrustedCertificate

# Its warnings ("no document timestamps …") are checks here; without a handler Python prints them to the terminal.
logging.getLogger("pyhanko").addHandler(logging.NullHandler())

UNARCHIVED = "no revocation data of the timestamp authority is embedded"

_ALLOWED = frozenset({ModificationLevel.NONE, ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING})

# Revocation data is asked for where the certificate says that there is some: a software key's says that there is none.
_IF_DECLARED = RevocationCheckingPolicy(
    RevocationCheckingRule.CHECK_IF_DECLARED, RevocationCheckingRule.CHECK_IF_DECLARED
)
# A timestamp without an archive timestamp (level B-T) embeds no revocation data of its authority: the report says so.
_UNLESS_ABSENT = RevocationCheckingPolicy(
    RevocationCheckingRule.CHECK_IF_DECLARED_SOFT, RevocationCheckingRule.CHECK_IF_DECLARED_SOFT
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What the gate found.

    Attributes:
        content: the bytes that the company signed, readable as a PDF of their own; None if there are none.
        signer: the subject of the signing certificate.
        signed_at: the proven signing time, else the claimed one.
        checks: the gate's checks.
        signing: the signing certificate, and the time if it is proven.
        reader: a reader of exactly `content`, where it is the whole file: parsing it again takes as long as the rest.
    """

    content: bytes | None
    signer: str | None
    signed_at: datetime | None
    checks: tuple[Check, ...]
    signing: Signing = NOBODY
    reader: PdfFileReader | None = None


def check_signature(data: bytes, trust: Trust | None, now: datetime) -> Signed:
    """Put the PDF `data` through the gate, as of `now`; without `trust`, who signed stays unchecked.

    Runs an event loop of its own: call it from a thread where one is running.
    """
    try:
        reader = PdfFileReader(io.BytesIO(data))
        signatures = list(reader.embedded_signatures)
    except Exception as error:  # noqa: BLE001 - hostile bytes break a PDF reader in any way; all mean "unreadable"
        return _unreadable(Name.FILE, f"not a readable PDF: {_said(error)}")
    readable = passed(Name.FILE, f"a PDF of {len(data):,} bytes in {reader.total_revisions} revisions")
    if not signatures:
        return Signed(None, None, None, (readable, failed(Name.SIGNATURE, "the PDF is not signed")))
    try:
        return _gate(data, signatures, trust, now, readable)
    except Exception as error:  # noqa: BLE001 - as above: a signature that cannot be evaluated is not a good one
        return _unreadable(Name.SIGNATURE, f"the signature cannot be evaluated: {_said(error)}", readable)


def _gate(data: bytes, signatures: list[Any], trust: Trust | None, now: datetime, readable: Check) -> Signed:
    company, *later = signatures
    present = _present(company)
    outcome = _validate(company, trust or Trust(), now)
    status = outcome.api_status
    sound = status is not None and status.intact and status.valid
    end = _end_of_signed_bytes(company, data)
    timestamp = _timestamp(outcome, company, trust)
    proven = timestamp.result is Result.OK
    checks = (
        readable,
        present,
        _integrity(sound=sound, contiguous=end is not None),
        _signer(outcome, company.signer_cert, trust, outcome.best_signature_time if proven else now),
        _changes(company, signatures[-1], data, len(data) - (end or 0)),
        timestamp,
        _countersignatures([one for one in later if one.sig_object_type == "/Sig"], trust, now),
    )
    signed_at = outcome.best_signature_time if proven else company.self_reported_timestamp
    subject = company.signer_cert.subject.human_friendly
    signing = Signing(company.signer_cert.sha256.hex(), signed_at if proven else None)
    whole = company.reader if sound and end == len(data) else None
    return Signed(data[:end] if sound and end else None, subject, signed_at, checks, signing, whole)


def _validate(signature: Any, trust: Trust, now: datetime) -> Any:
    """AdES validation of one signature: with its timestamps if there are and their roots are known, else as of now."""
    signature.compute_integrity_info()
    policy = _policy(trust, archived=_is_archived(signature))
    timing = ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
    if trust.timestamp_roots and _has_timestamp(signature):
        return asyncio.run(ades_lta_validation(signature, policy, timing))
    basic = ades_basic_validation(
        signature.signed_data,
        policy.signature_validation_spec,
        timing_info=timing,
        raw_digest=signature.compute_digest(),
    )
    return asyncio.run(basic)


def _is_archived(signature: Any) -> bool:
    return bool(signature.reader.embedded_timestamp_signatures)


def _has_timestamp(signature: Any) -> bool:
    return any(a["type"].native == "signature_time_stamp_token" for a in signature.signer_info["unsigned_attrs"])


def _present(company: Any) -> Check:
    if company.sig_object_type != "/Sig":
        return failed(Name.SIGNATURE, "the first signature is a timestamp: nobody signed what it covers")
    if company.docmdp_level is None:
        return failed(Name.SIGNATURE, "the first signature does not certify the document")
    return passed(Name.SIGNATURE, f"field {company.field_name} certifies the document ({company.docmdp_level.name})")


def _integrity(*, sound: bool, contiguous: bool) -> Check:
    if not sound:
        return failed(Name.INTEGRITY, "the signed bytes are not those that were signed")
    if not contiguous:
        return failed(Name.INTEGRITY, "the signature leaves out bytes other than its own")
    return passed(Name.INTEGRITY, "digest and signature hold for every byte up to the signature's end")


def _end_of_signed_bytes(company: Any, data: bytes) -> int | None:
    """Where the signed bytes end; None unless they are everything from 0 on, but the signature value itself."""
    ranges = [int(number) for number in company.byte_range]
    if len(ranges) != 4:  # noqa: PLR2004 - before and after the signature value: offset and length each
        return None
    start, before, resume, after = ranges
    gap = data[before:resume]
    whole = start == 0 and gap[:1] == b"<" and gap[-1:] == b">" and len(gap) == 2 * len(company.pkcs7_content) + 2
    return resume + after if whole and resume + after <= len(data) else None


def _signer(outcome: Any, certificate: x509.Certificate, trust: Trust | None, moment: datetime) -> Check:
    """Who signed; `moment` is the proven time of signing, else the time of verification."""
    who = f"{certificate.subject.human_friendly}, certificate SHA-256 {certificate.sha256.hex()}"
    if trust is None:
        return not_checked(Name.SIGNER, f"{who}: give the trust file that the company sent apart from the pack")
    if outcome.ades_subindic is not AdESPassed.OK or not outcome.api_status.trusted:
        reason = outcome.failure_msg or outcome.ades_subindic.standard_name.replace("_", " ").lower()
        return failed(Name.SIGNER, f"{who}: not vouched for by the trust file: {reason}")
    # A certificate that the trust file names itself has an empty path, on which pyHanko looks at no dates.
    if not certificate.not_valid_before <= moment <= certificate.not_valid_after:
        return failed(Name.SIGNER, f"{who}: its certificate was not valid on {moment:%Y-%m-%d}")
    return passed(Name.SIGNER, who)


def _changes(company: Any, last: Any, data: bytes, appended: int) -> Check:
    level = getattr(company.diff_result, "modification_level", ModificationLevel.OTHER)
    nothing_follows = last.signed_revision == last.reader.total_revisions - 1
    if nothing_follows and _end_of_signed_bytes(last, data) != len(data):
        return failed(Name.CHANGES, "bytes follow the last signature that are no revision of the document")
    if not _only_permitted_changes(company):
        return failed(Name.CHANGES, f"{appended:,} bytes appended after the signature change what it certified")
    if level is ModificationLevel.NONE:
        return passed(Name.CHANGES, "none")
    kind = {
        ModificationLevel.LTA_UPDATES: "validation data and timestamps only",
        ModificationLevel.FORM_FILLING: "countersignatures, validation data and timestamps only",
    }[level]
    return passed(Name.CHANGES, f"{appended:,} bytes: {kind}")


def _only_permitted_changes(signature: Any) -> bool:
    level = getattr(signature.diff_result, "modification_level", ModificationLevel.OTHER)
    return bool(signature.summarise_integrity_info()["docmdp_ok"]) and level in _ALLOWED


def _timestamp(outcome: Any, company: Any, trust: Trust | None) -> Check:
    if not _has_timestamp(company):
        return not_checked(Name.TIMESTAMP, f"none: {company.self_reported_timestamp} is the signer's own claim")
    if trust is None or not trust.timestamp_roots:
        return not_checked(Name.TIMESTAMP, "the trust file names no root of a timestamp authority")
    token = outcome.signature_timestamp_status
    if token is None or token.ades_subindic is not AdESPassed.OK:
        return failed(Name.TIMESTAMP, "the signature's timestamp does not hold")
    if not _is_archived(company):
        return passed(Name.TIMESTAMP, f"signed before {outcome.best_signature_time}; {UNARCHIVED}")
    if outcome.oldest_evidence_record_timestamp is None:
        return failed(Name.TIMESTAMP, "the document timestamps do not hold")
    return passed(Name.TIMESTAMP, f"signed before {outcome.best_signature_time}; archived with its revocation data")


def _countersignatures(signatures: list[Any], trust: Trust | None, now: datetime) -> Check:
    """Who else signed. They must be sound; whether their certificates are trusted is told, not demanded."""
    if not signatures:
        return passed(Name.COUNTERSIGNATURES, "none")
    told = []
    for signature in signatures:
        status = _validate(signature, trust or Trust(), now).api_status
        who = f"{signature.field_name}: {signature.signer_cert.subject.human_friendly}"
        if status is None or not (status.intact and status.valid and _only_permitted_changes(signature)):
            return failed(Name.COUNTERSIGNATURES, f"{who}: does not hold")
        told.append(f"{who} ({'trusted' if status.trusted else 'sound, not in the trust file'})")
    return passed(Name.COUNTERSIGNATURES, "; ".join(told))


def _policy(trust: Trust, *, archived: bool) -> PdfSignatureValidationSpec:
    signer, authority = (
        CertRevTrustPolicy(
            rule,
            freshness=timedelta(days=trust.revocation_freshness_days),
            freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
        )
        for rule in (_IF_DECLARED, _IF_DECLARED if archived else _UNLESS_ABSENT)
    )
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(_roots(trust.signers), signer),
            ts_cert_validation_policy=CertValidationPolicySpec(_roots(trust.timestamp_roots), authority),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                RevinfoOnlineFetchingRule.LOCAL_ONLY, certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH
            ),
        )
    )


def _roots(certificates: Iterable[TrustedCertificate]) -> SimpleTrustManager:
    # Always a list, an empty one too: without one pyHanko would fall back on the system's store.
    return SimpleTrustManager.build([x509.Certificate.load(certificate.der) for certificate in certificates])


def _unreadable(name: Name, detail: str, *before: Check) -> Signed:
    return Signed(None, None, None, (*before, failed(name, detail)))


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
