"""`evidence demo`: a simulated company from its systems' own APIs to a signed pack, in one command.

The company serves its systems on loopback; the connectors, the locker, the warehouse, the controls and the pack are
the product's own, as they would face a real company. Everything lies below `var/`, which `--home` can move.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.home import now
from evidence.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from demo.model import Company
    from evidence.periods import Period

HELP = "a simulated company end to end: from its systems' own APIs to a signed pack"
ZONE = "America/New_York"
_ROLES = {"security_team": "security", "compliance_owners": "audit"}  # role in the scope -> team
TOKEN = "demo-token"  # noqa: S105 - the simulated systems' own, worth nothing elsewhere


def arguments(parser: argparse.ArgumentParser) -> None:
    """How long, how seeded, and where."""
    parser.add_argument(
        "--days", type=int, help="only the last N days of the quarter (default: the whole last quarter)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed is another company (default: 1)")
    parser.add_argument("--home", type=Path, default=Path("var"), help="folder of all state (default: var)")


def run(args: argparse.Namespace) -> int:
    """Simulate, collect, build, test, publish."""
    from demo.company import simulate  # noqa: PLC0415 - keeps `--help` quick
    from demo.simulation import Simulation  # noqa: PLC0415

    started = time.monotonic()
    period = _period(args.days)
    company = simulate(args.seed, period.first, period.end_day, zone=ZONE)
    home = args.home.absolute()
    _refuse_other(home, args.seed, period)
    with Simulation(company, home / "company") as simulation:
        print(f"{company.org}: {len(company.people)} people, {len(company.repositories)} repositories, {period.name}")
        config = write_config(home, company, simulation.url, period)
        pack, results = _work(config, period)
    _report(home, company, pack, results, time.monotonic() - started)
    return 0


def _period(days: int | None) -> Period:
    from evidence.periods import last_quarter, period  # noqa: PLC0415

    quarter = last_quarter(now().date(), zone=ZONE)
    if days is None:
        return quarter
    if not 1 <= days <= (quarter.end_day - quarter.first).days:
        raise ConfigError(f"--days {days}: valid are 1 to {(quarter.end_day - quarter.first).days}")
    return period(f"{quarter.end_day - timedelta(days=days)}..{quarter.end_day}", zone=ZONE)


def _refuse_other(home: Path, seed: int, period: Period) -> None:
    """One home is one company: another seed or period would be a change of the past."""
    marker = home / "demo.json"
    wanted = {"seed": seed, "period": period.name}
    if marker.is_file() and (held := json.loads(marker.read_text())) != wanted:
        raise ConfigError(
            f"{home} holds the demo with seed {held['seed']} over {held['period']},"
            f" asked for was seed {seed} over {period.name}",
            next_step="Name another folder with --home, or remove this one.",
        )
    if not marker.is_file() and (home / "locker").exists():
        raise ConfigError(f"{home} holds a locker that is not the demo's", next_step="Name another folder with --home.")
    home.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(wanted))


def write_config(home: Path, company: Company, url: str, period: Period) -> Path:
    """The `evidence.yaml` of the simulated company, and its keys."""
    import yaml  # noqa: PLC0415

    from evidence.config import load_config  # noqa: PLC0415
    from reports.pack.signers import make_signers  # noqa: PLC0415

    settings = {
        "company": f"{company.org} (simulated)", "zone": company.zone, "home": ".",
        "clock": {"simulated": f"{url}/_simulation/clock"},
        "sources": _sources(home / "company", company, url), "scope": _scope(company),
    }  # fmt: skip
    path = home / "evidence.yaml"
    path.write_text(
        f"# Written by `evidence demo`: a simulated company over {period.name}.\n"
        + yaml.safe_dump(settings, sort_keys=False),
        encoding="utf-8",
    )
    make_signers(load_config(path), now=now())
    return path


def _sources(files: Path, company: Company, url: str) -> dict[str, dict[str, Any]]:
    return {
        "company": {"folder": str(files / "company")},
        "github": {
            "url": f"{url}/github", "organisation": company.org, "token_from": "EVIDENCE_DEMO_TOKEN",
            "repositories": {repo.name: [repo.protected_branch] for repo in company.repositories.values()},
        },
        "kubernetes": {
            "url": f"{url}/kubernetes", "token_from": "EVIDENCE_DEMO_TOKEN", "event_ttl_hours": 36,
            "audit": {"logs": [str(files / "kubernetes/audit.log")], "batches": str(files / "kubernetes/webhook")},
        },
        "terraform": {
            "buckets": [{"bucket": company.state_bucket, "endpoint": f"{url}/terraform", "region": "us-east-1"}]
        },
        "vault": {"devices": {"file": str(files / "vault/audit.log"), "second": str(files / "vault/second/audit.log")}},
    }  # fmt: skip


def _scope(company: Company) -> dict[str, Any]:
    from demo.pipelines import CD, INFRA  # noqa: PLC0415
    from demo.settings import REQUIRED_CHECKS  # noqa: PLC0415
    from demo.systems.kubernetes.cluster import DEPLOYED_SHA  # noqa: PLC0415

    return {
        "org": company.org,
        "repos": {
            repo.full_name: {
                "id": repo.id, "service": repo.service or repo.name, "protected": [repo.protected_branch],
                "sox_critical": repo.sox_critical, "required_checks": list(REQUIRED_CHECKS),
                **({"image": repo.image} if repo.image else {}),
            }
            for repo in company.repositories.values()
        },
        "prod_envs": ["production"], "prod_namespaces": ["production"],
        "prod_secret_paths": list(company.prod_secret_paths),
        "tfstate_keys": [f"{company.state_bucket}/{key}" for key in company.state_keys],
        "deploy_workflow": CD, "infra_workflow": INFRA, "emergency_label": "emergency-change",
        "emergency_approvers": list(company.emergency_approvers), "waiver_approvers": ["W2001"],
        "access_admins": ["W2002", "W2003"], "entitlement_owners": {company.org: ["W2001"]},
        **{role: _members(company, team) for role, team in _ROLES.items()},
        "deployed_sha_annotation": DEPLOYED_SHA, "parameters": {},
    }  # fmt: skip


def _members(company: Company, team: str) -> list[str]:
    return [person.worker_id for person in company.people.values() if team in person.teams]


def _work(config: Path, period: Period) -> tuple[Path, list[Any]]:
    import os  # noqa: PLC0415

    from cli.run import run_period  # noqa: PLC0415
    from reports import assessment  # noqa: PLC0415
    from warehouse.open import open_home  # noqa: PLC0415

    os.environ["EVIDENCE_DEMO_TOKEN"] = TOKEN
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "demo")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "demo")
    home = open_home(config, now=now())
    pack = run_period(home, period)
    return pack, assessment.load(home.path / "assessments", period)


def _report(home: Path, company: Company, pack: Path, results: list[Any], seconds: float) -> None:
    from controls.results import EXCEPTION  # noqa: PLC0415

    found = {(r.control.id, v.population, v.attribute, v.subject) for r in results for v in r.of(EXCEPTION)}
    planted = {(t.control, t.population, t.attribute, t.item) for t in company.truth}
    tested = {r.control.id for r in results}
    planted = {item for item in planted if item[0] in tested}
    print(f"\n{'Control':<8} {'Conclusion':<27} {'Members':>8} {'Exceptions':>11}")
    for result in results:
        members = sum(len(p.subjects) for p in result.populations)
        print(f"{result.control.id:<8} {result.conclusion:<27} {members:>8,} {len(result.of(EXCEPTION)):>11,}")
    print(f"\nPlanted violations: {len(planted)}; found {len(planted & found)}, missed {len(planted - found)},")
    print(f"exceptions that nobody planted: {len(found - planted)}")
    for label, items in (("missed", planted - found), ("not planted", found - planted)):
        for item in sorted(items)[:10]:
            print(f"  {label}: {' '.join(item)}")
    shown = _shown(pack)
    print(f"\n{seconds:.0f} s. Pack: {shown}")
    print(f"Check it offline:   evidence verify {shown} --trust {_shown(home / 'keys/trust.json')}")
    print(f"Ask it all again:   the same with --reperform --captures {_shown(home)}")
    print('Ask the warehouse:  evidence sql "SELECT repo, count(*) FROM github_pull_requests GROUP BY repo"')
    print("See the lineage:    make ui")


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
