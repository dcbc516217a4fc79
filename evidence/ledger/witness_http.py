"""The witness protocol over HTTP: a small server, and the client by which a log collects cosignatures.

- The server answers `POST /add-checkpoint`; whatever goes wrong inside is a 500 and no cosignature.
- The client believes no answer: a cosignature counts only after it verified under the key the caller trusts.
- A witness that remembers another size than we thought says so (409); the client proves from there, once.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from evidence.errors import EvidenceError, IntegrityError, SourceRejected, SourceUnavailable
from evidence.ledger.heads import read
from evidence.ledger.witness import Refusal, Request, Witness
from evidence.verify.formats.errors import FormatError, ProofError
from evidence.verify.formats.notes import parse_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from evidence.ledger.log import Log
    from evidence.verify.formats.cosignature import WitnessKey
    from evidence.verify.formats.notes import Signature

_MAX_BODY = 1 << 20  # bytes
_TIMEOUT = 15.0  # seconds
_ATTEMPTS = 4  # size 0, the size it names, and two for others who ask at the same time
_CONFLICT = 409
_UNPROVEN = 422
_SERVER_FAULT = 500


def server(witness: Witness, host: str, port: int, clock: Callable[[], datetime]) -> ThreadingHTTPServer:
    """A server for `witness`, bound but not yet serving; port 0 takes a free one.

    `clock` gives the time of cosignatures: the outermost layer reads it, not this one.
    """

    class Handler(_Handler):
        def answer(self, body: bytes) -> str:
            return witness.add_checkpoint(body, clock())

    return ThreadingHTTPServer((host, port), Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body: bytes) -> str:
        """The cosignature line for a request."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """Answer add-checkpoint."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._send(400, "a request needs a Content-Length of at most 1 MiB")
            return
        body = self.rfile.read(int(length))
        if self.path.rpartition("/")[2] != "add-checkpoint":
            self._send(404, "valid: POST add-checkpoint")
            return
        try:
            self._send(200, self.answer(body))
        except Refusal as refusal:
            self._send(refusal.status, str(refusal), refusal.content_type)
        except (EvidenceError, OSError) as error:
            self.log_error("%s", error)
            self._send(_SERVER_FAULT, "the witness failed; nothing was cosigned")

    def _send(self, status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing of requests: the witness's folder is its record."""


def submit(url: str, request: Request, key: WitnessKey, *, timeout: float = _TIMEOUT) -> Signature:
    """Send one `add-checkpoint` to the witness at the prefix `url`; its cosignature, verified under `key`.

    Raises:
        Refusal: if the witness answers that it does not cosign.
        SourceUnavailable: if it does not answer.
        SourceRejected: if it answers without a cosignature that verifies.
    """
    if not url.startswith(("http://", "https://")):
        raise SourceRejected(f"witness {key.name}: {url!r} is not an http or https URL")
    post = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", data=request.encode(), method="POST")  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(post, timeout=timeout) as response:  # noqa: S310 - checked above
            body = response.read(_MAX_BODY)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(_MAX_BODY).decode(errors="replace")
        if error.code >= _SERVER_FAULT:
            raise SourceUnavailable(f"witness {key.name} at {url}: {error.code} {text[:200]}") from error
        raise Refusal(error.code, text, error.headers.get("Content-Type", "")) from error
    except OSError as error:
        raise SourceUnavailable(f"witness {key.name} at {url}: {error}", next_step="Ask it again later.") from error
    return _cosignature(body, read(request.note)[0].text, key)


def collect(log: Log, witnesses: Mapping[str, WitnessKey], *, timeout: float = _TIMEOUT) -> dict[str, str]:
    """Have the log's latest checkpoint cosigned by the witnesses at these URLs, and keep the note.

    Returns:
        Per URL, why there is no cosignature; empty if all cosigned. A missing witness is for the caller to report.

    Raises:
        IntegrityError: if a witness refuses the checkpoint as a fork: page someone.
    """
    note = log.latest()
    if note is None:
        return dict.fromkeys(witnesses, "the log has no checkpoint yet")
    found, failed = [], {}
    for url, key in witnesses.items():
        try:
            found.append(_ask(log, note, url, key, timeout))
        except (SourceUnavailable, SourceRejected) as error:
            failed[url] = str(error)
    if found:
        log.cosigned(note, found)
    return failed


def _ask(log: Log, note: bytes, url: str, key: WitnessKey, timeout: float) -> Signature:
    """Ask from size 0, as the protocol allows, and again from the size that the witness names."""
    size, old = read(note)[1].size, 0
    for _ in range(_ATTEMPTS):
        proof = tuple(log.consistency(old, size))
        try:
            return submit(url, Request(old, proof, note), key, timeout=timeout)
        except Refusal as refusal:
            answer = str(refusal).strip()
            named = int(answer) if refusal.status == _CONFLICT and answer.isdecimal() else None
            if named is None and refusal.status != _UNPROVEN:
                raise SourceRejected(f"witness {key.name} at {url}: {refusal.status} {answer}") from refusal
            if named is None or named == old or named > size:
                raise IntegrityError(
                    f"witness {key.name} refuses {log.origin} at {size} statements: {refusal.status} {answer}",
                    next_step="The log was cut, rolled back or rewritten since that witness saw it: compare the two.",
                ) from refusal
            old = named
    raise SourceUnavailable(
        f"witness {key.name} at {url}: its size changes under our requests", next_step="Ask it again."
    )


def _cosignature(body: bytes, text: bytes, key: WitnessKey) -> Signature:
    try:
        for line in body.decode().splitlines():
            signature = parse_signature(line)
            if (signature.name, signature.key_id) == (key.name, key.key_id):
                key.verify(text, signature.signature)
                return signature
    except (UnicodeDecodeError, FormatError, ProofError) as error:
        raise SourceRejected(f"witness {key.name}: its answer does not verify: {error}") from error
    raise SourceRejected(f"witness {key.name}: no cosignature by its key in the answer")
