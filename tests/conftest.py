"""Fixtures that every package's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of corpora, scenarios and vectors; skips where it is absent."""
    default = Path(__file__).resolve().parent.parent.parent / "shared"
    folder = Path(os.environ.get("EVIDENCE_SHARED", default))
    if not (folder / "corpora").is_dir():
        pytest.skip(f"no shared data at {folder}: set EVIDENCE_SHARED to its folder")
    return folder


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests may change their result."""
    for name in list(os.environ):
        if name.startswith(("EVIDENCE_", "AWS_", "VAULT_", "GITHUB_", "DAGSTER_")) and name != "EVIDENCE_SHARED":
            monkeypatch.delenv(name)
