"""Audit lines as Vault's file device writes them.

- A request line when the request came, a response line when it was answered; both carry the request's id.
- Only strings are HMACed, with the device's own salt; numbers, booleans and the names of keys stand in clear.
- Times have up to nine fraction digits, trailing zeros cut.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.systems.stable import digest, iso, nanos_text, number

if TYPE_CHECKING:
    from demo.systems.vault.traffic import Call, Identity

VERSION = "v1.17.2+builtin.vault"
_DENIED = "permission denied"


@dataclass(frozen=True, slots=True)
class Line:
    """The request's or the response's line of a call."""

    call: Call
    response: bool

    @property
    def at(self) -> int:
        """When it is written, in nanoseconds."""
        return self.call.at + (self.call.took if self.response else 0)


def lines(calls: list[Call]) -> list[tuple[int, Line]]:
    """The lines of all calls in the order in which they are written."""
    found = [Line(call, response) for call in calls for response in (False, True) if call.answered or not response]
    return sorted(((line.at, line) for line in found), key=lambda pair: pair[0])


class Device:
    """One audit device: renders lines with a salt of its own."""

    def __init__(self, seed: int, name: str) -> None:
        self._salt = digest(seed, "vault salt", name)
        self._known: dict[str, str] = {}

    def render(self, line: Line) -> bytes:
        """One JSON line without its end."""
        call = line.call
        told: dict[str, object] = {"time": nanos_text(line.at), "type": "response" if line.response else "request"}
        identity = call.identity or (call.grants if line.response and not call.error else None)
        told["auth"] = self._auth(identity, call)
        told["request"] = self._request(call)
        if line.response:
            told["response"] = self._response(call)
        if call.error:
            told["error"] = f"1 error occurred:\n\t* {call.error}\n\n" if line.response else call.error
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _hash(self, text: str) -> str:
        found = self._known.get(text)
        if found is None:
            found = f"hmac-sha256:{hmac.new(self._salt, text.encode(), 'sha256').hexdigest()}"
            self._known[text] = found
        return found

    def _hashed(self, value: object) -> object:
        if isinstance(value, str):
            return self._hash(value)
        if isinstance(value, Mapping):
            return {k: self._hashed(v) for k, v in value.items()}
        return [self._hashed(v) for v in value] if isinstance(value, list | tuple) else value

    def _auth(self, identity: Identity | None, call: Call) -> dict[str, object]:
        if identity is None:
            return {"token_type": "default"} if not call.answered else {
                "policy_results": {"allowed": True}, "token_type": "default",
            }  # fmt: skip
        told = self._token(identity)
        if call.identity is not None:
            granting = [{"name": identity.policies[-1], "namespace_id": "root", "type": "acl"}]
            allowed = call.error != _DENIED
            told["policy_results"] = (
                {"allowed": allowed, "granting_policies": granting} if allowed else {"allowed": False}
            )
            if identity.issued_at:
                told["token_issue_time"] = iso(identity.issued_at)
        return told

    def _token(self, identity: Identity) -> dict[str, object]:
        told: dict[str, object] = {
            "client_token": self._hash(identity.token),
            "accessor": self._hash(f"accessor of {identity.token}"),
            "display_name": identity.display_name,
            "policies": list(identity.policies),
            "token_policies": list(identity.policies),
        }
        if identity.metadata:
            told["metadata"] = dict(identity.metadata)
        if identity.entity_id:
            told["entity_id"] = identity.entity_id
        told["token_type"] = "service"  # noqa: S105 - a kind of token, not a token
        if identity.ttl:
            told["token_ttl"] = identity.ttl
        return told

    def _request(self, call: Call) -> dict[str, object]:
        told: dict[str, object] = {"id": call.id, "operation": call.operation}
        mount, kind = call.mount
        if mount:
            told |= {
                "mount_point": mount, "mount_type": kind, "mount_accessor": _accessor(mount, kind),
                "mount_running_version": VERSION, "mount_class": _class(mount),
            }  # fmt: skip
        if call.identity:
            told["client_token"] = self._hash(call.identity.token)
            told["client_token_accessor"] = self._hash(f"accessor of {call.identity.token}")
        told |= {"namespace": {"id": "root"}, "path": call.path}
        if call.data:
            told["data"] = self._hashed(call.data)
        if call.address:
            told |= {"remote_address": call.address, "remote_port": number(32_768, 60_999, call.id)}
        return told

    def _response(self, call: Call) -> dict[str, object]:
        mount, kind = call.mount
        told: dict[str, object] = {}
        if call.grants or call.path == "auth/token/renew-self":
            identity = call.grants or call.identity
            if identity:
                told["auth"] = self._token(identity)
        told |= {
            "mount_point": mount, "mount_type": kind, "mount_accessor": _accessor(mount, kind),
            "mount_running_plugin_version": VERSION, "mount_class": _class(mount),
        }  # fmt: skip
        if data := _answer(call):
            told["data"] = self._hashed(data)
        return told


def _accessor(mount: str, kind: str) -> str:
    prefix = "auth_" if mount.startswith("auth/") else ""
    return f"{prefix}{kind}_{digest('mount', mount).hex()[:8]}"


def _class(mount: str) -> str:
    return "auth" if mount.startswith("auth/") else "secret"


def _answer(call: Call) -> dict[str, object]:
    """The data of the response, before hashing."""
    if call.error:
        return {"error": call.error}
    if call.operation == "list":
        return {"keys": ["database", "settings"]}
    if call.operation == "read" and call.path.startswith("secret/data/"):
        version = number(2, 9, call.path)
        about: dict[str, object] = {
            "created_time": f"version {version} of {call.path}", "custom_metadata": None, "deletion_time": "",
            "destroyed": False, "version": version,
        }  # fmt: skip
        return {"data": {"username": call.path, "password": f"password of {call.path}"}, "metadata": about}
    if call.path == "auth/token/lookup-self" and call.identity:
        return {"id": call.identity.token, "num_uses": 0, "orphan": True, "path": "auth/approle/login", "ttl": 3600}
    return {}
