"""What the verifier raises: only for wrong usage. A pack that does not verify is a report, not an exception."""

from __future__ import annotations


class UsageError(Exception):
    """What was asked cannot be done: a file is absent, or the trust file is malformed. Exit code 2."""
