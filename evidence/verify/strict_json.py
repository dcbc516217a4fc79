"""Read JSON that was signed: one meaning per text, or none.

- No duplicate keys, no floats, no NaN, no integers beyond 2^53 - 1, no invalid UTF-8.
- `require_canonical` refuses any text but the RFC 8785 one, so that two readers cannot differ.

Written apart from the canonical writer on purpose: the verifier must not share the writer's mistakes.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from evidence.verify.formats.errors import FormatError

MAX_SAFE_INTEGER = 2**53 - 1


def parse(data: bytes, what: str) -> Any:
    """The value that `data` holds; `what` names it in messages.

    Raises:
        FormatError: the text is not strict JSON.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse,
            parse_int=_integer,
            parse_constant=_refuse,
        )
    except FormatError as error:
        raise FormatError(f"{what}: {error}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"{what} is not JSON: {error}") from error


def require_canonical(value: Any, data: bytes, what: str) -> None:
    """Refuse `data` unless it is exactly the canonical text of `value`.

    Raises:
        FormatError: white space, escapes or key order differ from RFC 8785.
    """
    if encode(value) != data:
        raise FormatError(f"{what} is not in canonical form (RFC 8785)")


def encode(value: Any) -> bytes:
    """The canonical text (RFC 8785) of a value that `parse` could have given."""
    return _canonical(value).encode("utf-8", "surrogatepass")


def members(value: Any, what: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """`value` as an object with exactly the known members.

    Raises:
        FormatError: not an object, a member is missing or unknown.
    """
    if not isinstance(value, dict):
        raise FormatError(f"{what} is not an object")
    if missing := sorted(required - value.keys()):
        raise FormatError(f"{what} lacks {', '.join(missing)}")
    if unknown := sorted(value.keys() - required - optional):
        raise FormatError(f"{what} holds unknown members: {', '.join(unknown)}")
    return value


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_canonical(key)}:{_canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise FormatError(f"duplicate key {next(name for name in names if names.count(name) > 1)!r}")
    return result


def _integer(text: str) -> int:
    # Digits are counted first: converting a very long number is slow, and Python refuses beyond 4300 digits.
    if len(text) > len(str(-MAX_SAFE_INTEGER)) or abs(int(text)) > MAX_SAFE_INTEGER:
        raise FormatError(f"integer {text[:24]} is beyond 2^53 - 1")
    return int(text)


def _refuse(text: str) -> NoReturn:
    raise FormatError(f"number {text[:24]} is not an integer")
