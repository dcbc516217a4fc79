"""The cast: the people, bots, repositories and clusters of the simulated company.

- Who leaves and who joins when follows from the period, so that a short period has leavers too.
- GitHub ids of the well-known bots are the real ones; everybody else is invented.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from demo.model import AccountLink, Bot, Person, Repository

if TYPE_CHECKING:
    from collections.abc import Iterable

ORG = "harborpay"
ORG_ID = 148_220_917
BUSINESS = "harborpay-inc"
BUSINESS_ID = 20_417
DOMAIN = "harborpay.example"
STATE_BUCKET = "harborpay-terraform-state"
STATE_KEYS = ("production/platform/terraform.tfstate", "production/network/terraform.tfstate")
PROD_SECRET_PATHS = ("secret/data/production/", "secret/metadata/production/")
CLUSTERS = {"production": "prod-us-east", "staging": "staging-us-east", "dev": "dev-us-east"}
EMERGENCY_APPROVERS = ("W2001", "W2008")

_BOT_SYSTEMS = {"gh": "github", "k8s": "kubernetes", "vault": "vault", "tf": "aws"}

HIRED = datetime(2021, 3, 1, 14, tzinfo=UTC)
_NAMESPACE = uuid.UUID("6f0c7a52-54a1-4c0b-9d53-0d5a8f4f1d11")

# worker id, name, login, GitHub id, job, manager, teams
_PEOPLE = (
    ("W2001", "Helena Brandt", "hbrandt", 31_200_101, "Director of engineering", None, ("leads",)),
    ("W2002", "Oscar Lindqvist", "olindqvist", 31_200_214, "Platform lead", "W2001", ("platform",)),
    ("W2003", "Yuki Tanabe", "ytanabe", 31_200_329, "Platform engineer", "W2002", ("platform",)),
    ("W2004", "Farah Siddiqui", "fsiddiqui", 31_200_433, "Security engineer", "W2001", ("security",)),
    ("W2005", "Marcus Oyelaran", "moyelaran", 31_200_547, "Site reliability engineer", "W2002", ("sre",)),
    ("W2006", "Chloe Dubois", "cdubois", 31_200_651, "Site reliability engineer", "W2002", ("sre",)),
    ("W2007", "Ben Hartley", "bhartley", 31_200_768, "Site reliability engineer", "W2002", ("sre",)),
    ("W2008", "Ana Ferreira", "aferreira", 31_200_872, "Development lead", "W2001", ("leads", "developers")),
    ("W2009", "Deepak Menon", "dmenon", 31_200_983, "Developer", "W2008", ("developers",)),
    ("W2010", "Sofia Rossi", "srossi", 31_201_090, "Developer", "W2008", ("developers",)),
    ("W2011", "Liam Keane", "lkeane", 31_201_102, "Developer", "W2008", ("developers",)),
    ("W2012", "Nadia Haddad", "nhaddad", 31_201_215, "Developer", "W2008", ("developers",)),
    ("W2013", "Viktor Novotny", "vnovotny", 31_201_327, "Developer", "W2008", ("developers",)),
    ("W2014", "Grace Okello", "gokello", 31_201_438, "Internal auditor", None, ("audit",)),
    ("W2015", "Peter Jansen", "pjansen", 31_201_540, "Developer (contractor)", "W2008", ("developers",)),
    ("W2016", "Carla Mendes", "cmendes", 31_201_655, "Developer (contractor)", "W2008", ("developers",)),
    ("W2017", "Tomas Eder", "teder", 31_201_761, "Developer", "W2008", ("developers",)),
    ("W2018", "Ingrid Solberg", "isolberg", 31_201_873, "Developer", "W2008", ("developers",)),
)
_ADMINS = ("W2002", "W2003")
_REVIEWERS = ("W2001", "W2005", "W2006", "W2007", "W2008")

WEB_FLOW = ("web-flow", 19_864_447)
DEPENDABOT = "dependabot[bot]"
ACTIONS = "github-actions[bot]"
DEPLOYER = "harborpay-deploy[bot]"
REVIEW_BOT = "harborpay-review[bot]"

SERVICES = ("settlement-api", "card-gateway", "customer-portal")


def secret_folder(service: str) -> str:
    """Where in Vault the secrets of a service lie: `secret/data/<environment>/<folder>/…`."""
    return service.partition("-")[0]


BOTS = (
    Bot("gh-app:dependabot", "GitHub App", "W2002", DEPENDABOT, 49_699_333),
    Bot("gh-app:github-actions", "GitHub App", "W2002", ACTIONS, 41_898_282),
    Bot(
        "gh-app:harborpay-deploy", "GitHub App", "W2002", DEPLOYER, 31_209_001,
        scopes={"deployments": "write", "contents": "read"},
    ),
    Bot(
        "gh-app:harborpay-review", "GitHub App", "W2009", REVIEW_BOT, 31_209_002,
        scopes={"issues": "write", "metadata": "read"},
    ),
    Bot(
        "k8s-sa:deploy/pipeline", "deploy identity", "W2002", username="system:serviceaccount:deploy:pipeline",
        allowed_actions=("write production/*",), callers=(".github/workflows/cd-production.yml",),
    ),
    Bot(
        "k8s-sa:kube-system/horizontal-pod-autoscaler", "controller", "W2002",
        username="system:serviceaccount:kube-system:horizontal-pod-autoscaler",
        allowed_actions=("update deployments/scale",),
    ),
    Bot(
        "vault-approle:ci-runner", "job", "W2002", username="ci-runner",
        callers=("10.40.0.0/16",), allowed_paths=("secret/data/ci/*",),
    ),
    Bot("tf-role:terraform-pipeline", "IAM role", "W2002", username="terraform-pipeline"),
    Bot("vault-approle:monitoring", "job", "W2005", username="monitoring", callers=("10.40.0.0/16",)),
    Bot(
        "k8s-user:kube-scheduler", "controller", "W2002", username="system:kube-scheduler",
        allowed_actions=("create pods/binding",),
    ),
    Bot("k8s-sa:monitoring/prober", "job", "W2005", username="system:serviceaccount:monitoring:prober"),
    *(
        Bot(
            f"k8s-sa:kube-system/{name}", "controller", "W2002", username=f"system:serviceaccount:kube-system:{name}",
            allowed_actions=actions,
        )
        for name, actions in (
            ("deployment-controller", ("create replicasets", "update replicasets")),
            ("replicaset-controller", ("create pods", "delete pods")),
        )
    ),
    *(
        Bot(
            f"k8s-sa:production/{service}", "workload", "W2008",
            username=f"system:serviceaccount:production:{service}", callers=("10.30.0.0/16",),
            allowed_paths=(f"secret/data/production/{secret_folder(service)}/*",),
        )
        for service in SERVICES
    ),
)  # fmt: skip

# name, id, service, sox-critical, protection, approvals, ruleset id
_REPOSITORIES = (
    ("settlement-api", 512_480_101, "settlement-api", True, "ruleset", 2, 61_201),
    ("card-gateway", 512_480_233, "card-gateway", False, "ruleset", 1, 61_202),
    ("customer-portal", 512_480_347, "customer-portal", False, "ruleset", 1, 61_203),
    ("platform-infra", 512_480_459, None, True, "ruleset", 2, 61_204),
    ("batch-jobs", 512_480_561, None, True, "classic", 2, None),
)


def entity(label: str) -> str:
    """A Vault entity id that belongs to a label for ever."""
    return str(uuid.uuid5(_NAMESPACE, label))


def people(start: datetime, end: datetime) -> dict[str, Person]:
    """Everybody by worker id; one contractor and two others leave and one developer joins in long periods."""
    found = {}
    for worker_id, name, login, github_id, job, manager, teams in _PEOPLE:
        found[worker_id] = Person(
            worker_id,
            name,
            f"{name.lower().replace(' ', '.')}@{DOMAIN}",
            login,
            github_id,
            job,
            manager,
            HIRED,
            teams,
            entity(login),
            org_admin=worker_id in _ADMINS,
            environment_reviewer=worker_id in _REVIEWERS,
            github_joined_at=HIRED,
        )
    joined = start + (end - start) * 0.4
    joined = joined.replace(hour=14, minute=0, second=0, microsecond=0)
    found["W2018"] = replace(found["W2018"], hired_at=joined, github_joined_at=joined + timedelta(hours=3))
    return found


def repositories(seed: int) -> dict[str, Repository]:
    """The repositories by full name."""
    found = {}
    for name, repo_id, service, sox, protection, approvals, ruleset in _REPOSITORIES:
        full_name = f"{ORG}/{name}"
        found[full_name] = Repository(
            full_name,
            repo_id,
            service,
            "main",
            sox,
            protection,
            approvals,
            f"ghcr.io/{full_name}" if service else None,
            ruleset,
            {env: repo_id * 10 + n for n, env in enumerate(("dev", "staging", "production"), 1)},
            HIRED,
            uuid.uuid5(_NAMESPACE, f"{seed}/{name}").hex + "0" * 8,
        )
    return found


def account_links(everybody: Iterable[Person]) -> list[AccountLink]:
    """Which account belongs to whom: GitHub, identity provider, Vault, Kubernetes; workloads have one in Vault too."""
    links = []
    for p in everybody:
        links.append(_link(p, ("github", p.github_id), p.login, "saml", p.github_removed_at))
        links.append(_link(p, ("idp", p.email), p.name, "scim", p.idp_deactivated_at))
        links.append(_link(p, ("vault", p.vault_entity_id), p.login, "oidc", p.vault_disabled_at))
        if p.terminated_at is None:
            links.append(_link(p, ("kubernetes", p.email), p.email, "oidc", None))
    for bot in BOTS:
        system = _BOT_SYSTEMS[bot.register_id.split("-")[0]]
        key = bot.github_id or (entity(bot.username or "") if system == "vault" else bot.username or "")
        label = bot.login or bot.username or ""
        links.append(AccountLink(system, key, label, bot.register_id, "nhi", HIRED, None, "register"))
        if system == "kubernetes" and bot.allowed_paths:
            links.append(AccountLink("vault", entity(label), label, bot.register_id, "nhi", HIRED, None, "register"))
    return links


def _link(person: Person, key: tuple[str, str | int], label: str, method: str, until: datetime | None) -> AccountLink:
    return AccountLink(*key, label, person.worker_id, "person", person.hired_at, until, method)
