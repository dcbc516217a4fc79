"""Two ways in which a proof fails: it cannot be read, or it does not hold.

::

    ValueError
    ├── FormatError  the text or the bytes are not in the published format
    └── ProofError   well formed, but the signature, the hash path or the quorum does not hold
"""

from __future__ import annotations


class FormatError(ValueError):
    """Bytes that are not in the format that was expected: nothing in them may be used."""


class ProofError(ValueError):
    """A well-formed proof, signature or quorum that does not hold."""
