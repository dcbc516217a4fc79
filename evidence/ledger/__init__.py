"""Append-only transparency log of statements: tiles, checkpoints, proofs, witnesses."""
