"""Mail a checkpoint to somebody who keeps mail, such as the auditor.

- A place is `mailto:auditor@firm.example?relay=smtp.acme.example:587&sender=evidence@acme.example`.
- Each checkpoint is sent once to each place: what was sent is marked in a folder. If that is lost it is sent again,
  which does no harm.
- With `EVIDENCE_SMTP_USER` and `EVIDENCE_SMTP_PASSWORD` in the environment the relay is logged in to, over TLS alone.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from evidence.canonical import sha256
from evidence.errors import ConfigError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT = 20.0  # seconds
_SMTP = 25


def to_mail(place: str, files: Mapping[str, bytes], marks: Path, environ: Mapping[str, str]) -> None:
    """Send `files` to the place as attachments of one message, unless that was done.

    Raises:
        ConfigError: the place is none.
        SourceUnavailable: the relay does not answer, or does not take the message.
    """
    mark = marks / sha256("\n".join([place, *(f"{name} {sha256(data)}" for name, data in files.items())]).encode())
    if mark.exists():
        return
    recipient, relay, sender = _parsed(place)
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = f"Checkpoint {next(iter(files))}"
    message.set_content(
        "A checkpoint of the evidence log. Keep this mail: `evidence verify PACK.pdf --checkpoint FILE` compares the"
        " attached file with the log of any later pack.\n"
    )
    for name, data in files.items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    _send(message, relay, environ)
    marks.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _parsed(place: str) -> tuple[str, tuple[str, int], str]:
    parts = urlsplit(place)
    options = parse_qs(parts.query)
    try:
        (relay,), (sender,) = options.pop("relay"), options.pop("sender")
        host = urlsplit(f"//{relay}")
        if options or "@" not in parts.path or not host.hostname:
            raise ConfigError(_wrong(place))
        return unquote(parts.path), (host.hostname, host.port or _SMTP), sender
    except (KeyError, ValueError) as error:
        raise ConfigError(_wrong(place)) from error


def _wrong(place: str) -> str:
    return f"{place!r} is no place for mail; valid: mailto:NAME@HOST?relay=HOST:PORT&sender=NAME@HOST"


def _send(message: EmailMessage, relay: tuple[str, int], environ: Mapping[str, str]) -> None:
    user, password = environ.get("EVIDENCE_SMTP_USER"), environ.get("EVIDENCE_SMTP_PASSWORD")
    try:
        with smtplib.SMTP(*relay, timeout=_TIMEOUT) as smtp:
            if user and password:
                smtp.starttls(context=ssl.create_default_context())
                smtp.login(user, password)
            smtp.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise SourceUnavailable(f"the mail relay {relay[0]}:{relay[1]} did not take the checkpoint: {error}") from error
