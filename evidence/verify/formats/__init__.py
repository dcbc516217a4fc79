"""Published transparency-log formats, on hashlib and cryptography alone: what the verifier and the ledger share."""
