"""What is planted must be there to be found."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from demo.company import simulate
from demo.systems import kubernetes, terraform, vault

if TYPE_CHECKING:
    from pathlib import Path


def test_every_planted_item_of_vault_kubernetes_and_terraform_is_served(tmp_path: Path) -> None:
    """Each truth item that names a record of these systems names one that their files or listings hold."""
    company = simulate(1, date(2026, 7, 1), date(2026, 10, 1))
    for module in (vault, kubernetes):
        folder = tmp_path / module.__name__.rpartition(".")[2]
        folder.mkdir()
        module.build(company, folder).advance(company.end)
    lines = [json.loads(line) for p in (tmp_path / "vault").glob("audit.log*") for line in p.read_text().splitlines()]
    requests = {r["request"]["id"] for r in lines}
    logged = [json.loads(x) for p in (tmp_path / "kubernetes").glob("audit*.log") for x in p.read_text().splitlines()]
    sent = [e for p in (tmp_path / "kubernetes/webhook").iterdir() for e in json.loads(p.read_text())["items"]]
    bucket = terraform.build(company, tmp_path)._bucket
    served = {f"vault.audit:{key}" for key in requests}
    served |= {f"kubernetes.audit:{e['auditID']}" for e in (*logged, *sent)}
    served |= {f"{bucket.name}/{v.key}:{v.version_id}" for v, _ in bucket.versions(company.end)}
    planted = {
        t.item
        for t in company.truth
        if t.item.startswith(("vault.audit:", "kubernetes.audit:"))
        or (t.control, t.population) == ("CHG-11", "versions")
    }
    assert len(planted) >= 7
    assert planted <= served
