"""Capture evidence and keep it: sources, stores, custody, ledger. Knows nothing of tables or controls."""
