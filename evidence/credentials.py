"""Keep credentials out of everything but the captured bytes themselves: what looks like one is replaced by a word.

- A query value whose name says that it is secret (`access_token`, `X-Amz-Signature`, `password`, …), the user part of a
  URL, and text that has the form of a known credential (`ghp_…`, `hvs.…`, a JWT, a private key, …) are replaced.
- Tokens that only name the next page (`page_token`, `continuation-token`) are no credentials and stay.

Example::

    GET /files?ref=main&access_token=abc   ->   GET /files?ref=main&access_token=REDACTED
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from evidence.canonical import MAX_SAFE_INTEGER

if TYPE_CHECKING:
    from collections.abc import Mapping

REDACTED = "REDACTED"

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PAGE = re.compile(r"(page|next|continuation|pagination|sync)_token$")
_NAME = re.compile(
    r"(^|_)(token|password|passwd|pwd|passphrase|secret|credentials?|signature|sig|auth|authorization|jwt|assertion)$"
    r"|apikey$|(api|access|account|private|secret|signing|encryption)_key(_id)?$"
)
_PAIR = re.compile(r"([?&;])([^?&;=#\s]{1,100})=([^&;#\s>]*)")
_USER = re.compile(r"(?<=://)[^/?#@:\s]*:[^/?#@\s]*(?=@)")
_VALUE = re.compile(
    r"\bgh[opusr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}|\bhv[bs]\.[\w-]{20,}|\bxox[abprs]-[\w-]{10,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|(?i:\b(?:bearer|basic)\s+)(?=\S*[0-9])[\w.~+/=-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----)?",
    re.DOTALL,
)


def names_secret(name: str) -> bool:
    """Whether a parameter of this name holds a credential."""
    plain = _CAMEL.sub("_", unquote(name)).lower().replace("-", "_").replace(".", "_")
    return bool(_NAME.search(plain)) and not _PAGE.search(plain)


def holds_secret(value: Any) -> bool:
    """Whether any text in a JSON value has the form of a known credential."""
    if isinstance(value, dict):
        return any(holds_secret(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return any(holds_secret(item) for item in value)
    return isinstance(value, str) and bool(_VALUE.search(value))


def redacted(text: str) -> str:
    """`text` without credentials, and without lone surrogates, which no receipt can hold."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    clean = _PAIR.sub(lambda m: f"{m[1]}{m[2]}={REDACTED}" if names_secret(m[2]) else m[0], clean)
    return _VALUE.sub(REDACTED, _USER.sub(REDACTED, clean))


def redacted_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object without credentials; numbers that canonical JSON cannot hold become text."""
    return {
        redacted(str(name)): REDACTED if names_secret(str(name)) and value else _plain(value)
        for name, value in facts.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return redacted_facts(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER):
        return str(value)
    return value
