"""The keys that a company's packs and ledger are signed with, as its configuration names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.ledger import keys as ledger_keys
from reports.pack import keys as pack_keys
from reports.pack.build import Signers

if TYPE_CHECKING:
    from datetime import datetime

    from evidence.config import Config

LOG_KEY = "log.key"
TRUST = "trust.json"
_LONGEST = 40  # characters of the company's name in a certificate: X.509 allows 64 in all


def make_signers(config: Config, *, now: datetime) -> Signers:
    """Software keys and the auditor's trust file, where they are not there yet; then the signers."""
    folder = config.keys_path
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / pack_keys.KEY_FILE).exists():
        pack_keys.make_software_key(folder, common_name=config.company[:_LONGEST], now=now)
    if not (folder / LOG_KEY).exists():
        ledger_keys.generate(folder / LOG_KEY, config.log_origin)
    signers = load_signers(config)
    if not (folder / TRUST).exists():
        pack_keys.write_trust(folder / TRUST, signers=[signers.pdf.trusted_pem], log_vkeys=[signers.log_vkey])
    return signers


def load_signers(config: Config) -> Signers:
    """The signers; `ConfigError` says which key is missing and how to make it."""
    log = ledger_keys.load(config.keys_path / LOG_KEY)
    return Signers(pack_keys.load_signer(config.keys_path), log, ledger_keys.log_key(log).vkey)
