"""Sign a finished pack: PAdES, certified, with places for two countersignatures.

- The company's signature certifies the document (DocMDP): afterwards only countersignatures, timestamps and
  validation data may be appended. Two empty fields for them are made first, because none could be added later.
- The signature is invisible; who signed is printed as ordinary page content. A visible stamp breaks PDF/A and PDF/UA.
- Without a timestamp authority the level is B-B, and the signing time is the signer's own claim. With one it is B-T,
  and with its roots known B-LTA: revocation data and a document timestamp are embedded, so that the pack can be
  verified offline for as long as the authority's certificate lives.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asn1crypto import pem, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import (
    InvisSigSettings,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    append_signature_field,
)
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.timestamps.requests_client import RequestsHTTPTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError

from evidence.errors import ConfigError, SourceUnavailable

if TYPE_CHECKING:
    from datetime import datetime

    from reports.pack.keys import PackSigner

SIGNATURE_FIELD = "CompanySignature"
FIELDS = {
    SIGNATURE_FIELD: "Signature of the company",
    "CompanyOwner": "Countersignature of the control owner",
    "Auditor": "Countersignature of the auditor",
}
TIMESTAMP_FIELD = "ArchiveTimestamp"

# PDF/A wants the print flag, PDF/UA a box outside the page.
_INVISIBLE = InvisSigSettings(set_print_flag=True, box_out_of_bounds=True)


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """An RFC 3161 service.

    Attributes:
        url: where it answers.
        roots: its root certificates as PEM; with them the pack becomes B-LTA, without them B-T.
        timeout: seconds to wait for one answer.
    """

    url: str
    roots: tuple[str, ...] = ()
    timeout: int = 20


def sign_pdf(
    pdf: bytes, signer: PackSigner, *, now: datetime, reason: str, tsa: TimestampAuthority | None = None
) -> bytes:
    """`pdf` (finished) with the company's certification signature; `now` is the signing time that it claims.

    Not byte-reproducible: ECDSA signatures and timestamps differ from run to run.

    Raises:
        SourceUnavailable: the timestamp authority, or the CRL or OCSP service that it names, did not answer properly.
        ConfigError: the file cannot be signed with this key: it is signed already, or the key's certificate is refused.
    """
    try:
        return asyncio.run(_sign(pdf, signer, now=now, reason=reason, tsa=tsa))
    except (TimestampRequestError, OSError) as error:
        raise SourceUnavailable(
            f"the timestamp authority {tsa.url if tsa else ''} did not answer: {error}",
            next_step="Try again, or remove the timestamping setting to sign without a trusted time.",
        ) from error
    except (SigningError, PathError, PdfError) as error:
        raise ConfigError(f"the pack cannot be signed: {error}") from error


async def _sign(pdf: bytes, signer: PackSigner, *, now: datetime, reason: str, tsa: TimestampAuthority | None) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for name, label in FIELDS.items():
        append_signature_field(writer, _field(name, label))
    target = io.BytesIO()
    metadata = _metadata(signer, reason, tsa)
    pdf_signer = _Signer(
        metadata,
        signer=signer.signer,
        timestamper=RequestsHTTPTimeStamper(tsa.url, timeout=tsa.timeout) if tsa else None,
    )
    pdf_signer.now = now
    try:
        await pdf_signer.async_sign_pdf(writer, existing_fields_only=True, output=target)
    finally:
        if metadata.validation_context is not None:
            await metadata.validation_context.aclose()  # the connections over which it fetched
    return target.getvalue()


class _Signer(PdfSigner):  # type: ignore[misc]  # pyHanko is not typed for us
    """pyHanko's signer with the signing time given, not read from the clock."""

    now: datetime

    def init_signing_session(self, *args: Any, **settings: Any) -> Any:
        session = super().init_signing_session(*args, **settings)
        session.system_time = self.now
        return session


def _metadata(signer: PackSigner, reason: str, tsa: TimestampAuthority | None) -> PdfSignatureMetadata:
    long_term = tsa is not None and bool(tsa.roots)
    return PdfSignatureMetadata(
        field_name=SIGNATURE_FIELD,
        md_algorithm="sha256",
        reason=reason,
        certify=True,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=long_term,
        use_pades_lta=long_term,
        timestamp_field_name=TIMESTAMP_FIELD,
        validation_context=_validation_context(signer, tsa) if tsa and long_term else None,
    )


def _validation_context(signer: PackSigner, tsa: TimestampAuthority) -> ValidationContext:
    """Trust the signer's own certificate and the authority's roots; fetch what is to be embedded."""
    roots = [_certificate(text) for text in (signer.trusted_pem, *tsa.roots)]
    return ValidationContext(trust_roots=roots, allow_fetching=True, revocation_mode="hard-fail")


def _certificate(text: str) -> x509.Certificate:
    try:
        _, _, der = pem.unarmor(text.encode())
        return x509.Certificate.load(der)
    except ValueError as error:
        raise ConfigError(f"a root of the timestamp authority is no PEM certificate: {error}") from error


def _field(name: str, label: str) -> SigFieldSpec:
    return SigFieldSpec(name, on_page=0, readable_field_name=label, invis_sig_settings=_INVISIBLE)
