"""The keys that a company's packs and ledger are signed with, as its configuration names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.errors import ConfigError
from evidence.ledger import keys as ledger_keys
from evidence.ledger.key_sources import open_document_key
from evidence.verify.keyring import REVOKED
from evidence.verify.trust import Revoked
from reports.pack import keys as pack_keys
from reports.pack.build import Signers
from reports.pack.remote_keys import issue_certificate, load_remote_signer
from warehouse.checkpoints import LOG_KEY, log_signer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from evidence.config import Config
    from evidence.verify.keyring import KeyEvent
    from evidence.verify.trust import Trust
    from reports.pack.keys import PackSigner

TRUST = "trust.json"
_LONGEST = 40  # characters of the company's name in a certificate: X.509 allows 64 in all


def make_signers(config: Config, *, now: datetime, environ: Mapping[str, str] | None = None) -> Signers:
    """Software keys, certificate and the auditor's trust file, where they are not there yet; then the signers.

    A key that a service holds is not made here: only its certificate is.
    """
    folder, name = config.keys_path, config.company[:_LONGEST]
    folder.mkdir(parents=True, exist_ok=True)
    if config.keys.pdf.driver != "file":
        key = open_document_key(config.keys.pdf, environ or {})
        issue_certificate(folder, key, common_name=name, now=now, years=pack_keys.VALID_YEARS)
    elif not (folder / pack_keys.KEY_FILE).exists():
        pack_keys.make_software_key(folder, common_name=name, now=now)
    if config.keys.log.driver == "file" and not (folder / LOG_KEY).exists():
        ledger_keys.generate(folder / LOG_KEY, config.log_origin)
    signers = load_signers(config, environ)
    if not (folder / TRUST).exists():
        trust_file(config, folder / TRUST, environ)
    return signers


def trust_file(
    config: Config, path: Path, environ: Mapping[str, str] | None = None, events: Sequence[KeyEvent] = ()
) -> Trust:
    """Write the auditor's trust file as keys and configuration are now, with earlier keys that `events` name.

    Raises:
        ConfigError: a key or a root cannot be read.
    """
    signers = load_signers(config, environ)
    earlier = [event for event in events if event.event != REVOKED]
    certificates = [event.certificate for event in earlier if event.certificate is not None]
    vkeys = [event.key for event in earlier if event.of_log]
    return pack_keys.write_trust(
        path,
        signers=dict.fromkeys([*certificates, signers.pdf.trusted_pem]),
        timestamp_roots=signers.timestamp_roots,
        log_vkeys=dict.fromkeys([*vkeys, signers.log_vkey]),
        witness_vkeys=[one.vkey for one in config.witnesses],
        witness_quorum=config.witness_quorum,
        revoked=[Revoked(one.key, one.since, one.reason) for one in events if one.event == REVOKED],
    )


def timestamp_roots(config: Config) -> Iterator[str]:
    """The timestamp authority's root certificates, as PEM."""
    for name in config.timestamping.roots:
        try:
            yield (config.root / name).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"timestamping.roots: cannot read {config.root / name}: {error}",
                next_step="Name PEM files of the authority's root certificates.",
            ) from error


def load_signers(config: Config, environ: Mapping[str, str] | None = None) -> Signers:
    """The signers; `ConfigError` says which key is missing and how to make it.

    Args:
        config: names the keys.
        environ: where drivers look credentials up; key files need none.
    """
    log = log_signer(config, environ)
    return Signers(_pdf(config, environ), log, ledger_keys.log_key(log).vkey, tuple(timestamp_roots(config)))


def _pdf(config: Config, environ: Mapping[str, str] | None) -> PackSigner:
    if config.keys.pdf.driver == "file":
        return pack_keys.load_signer(config.keys_path)
    return load_remote_signer(config.keys_path, open_document_key(config.keys.pdf, environ or {}))
