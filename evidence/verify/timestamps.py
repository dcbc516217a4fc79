"""An RFC 3161 timestamp over a checkpoint's text, verified offline against the auditor's own roots.

- The certificate must have been valid at the stated time; nothing is fetched, and no revocation data is at hand: a
  token of a key that was revoked before it was used is not told apart here.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from asn1crypto import cms, x509
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from evidence.verify.formats.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from evidence.verify.trust import TrustedCertificate


def stamped_at(token: bytes, text: bytes, roots: Iterable[TrustedCertificate]) -> datetime:
    """When an authority below `roots` saw `text`; `ProofError` if the token `token` (CMS, DER) does not say so."""
    try:
        return _verified(token, text, [x509.Certificate.load(root.der) for root in roots])
    except ProofError:
        raise
    except Exception as error:  # hostile bytes break a CMS reader in any way; all mean "no timestamp"
        raise ProofError(f"the timestamp cannot be evaluated: {str(error) or type(error).__name__}") from error


def _verified(token: bytes, text: bytes, roots: list[Any]) -> datetime:
    content = cms.ContentInfo.load(token, strict=True)["content"]
    moment: datetime = content["encap_content_info"]["content"].parsed["gen_time"].native
    context = ValidationContext(
        trust_roots=roots,
        other_certs=[],
        allow_fetching=False,
        moment=moment,
        best_signature_time=moment,
        revocation_mode="soft-fail",
    )

    def imprint(algorithm: str) -> bytes:
        return hashlib.new(algorithm, text).digest()

    status = TimestampSignatureStatus(**asyncio.run(validate_tst_signed_data(content, context, imprint)))
    if not (status.intact and status.valid):
        raise ProofError("the timestamp is not of this checkpoint, or its signature does not hold")
    if not status.trusted:
        raise ProofError("the trust file does not vouch for the timestamp's authority")
    return moment
