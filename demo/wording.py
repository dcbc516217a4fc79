"""Titles, branch names and file paths that read like work: words only, no rule depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo import roster
from demo.model import File

if TYPE_CHECKING:
    import random

_VERBS = ("Add", "Fix", "Refactor", "Validate", "Log", "Cache", "Retry", "Limit", "Simplify", "Document")
_THINGS = {
    "settlement-api": ("settlement cut-off", "ledger posting", "FX rounding", "batch totals", "payout calendar"),
    "card-gateway": ("3-D Secure flow", "token vault client", "issuer timeouts", "refund path", "BIN lookup"),
    "customer-portal": ("statement page", "login form", "currency picker", "error banner", "invoice download"),
    "platform-infra": ("node pool", "database subnet", "IAM boundary", "bucket policy", "DNS zone"),
    "batch-jobs": ("nightly reconciliation", "dunning run", "file transfer", "archive job", "report schedule"),
}
_LIBRARIES = ("urllib3", "jackson-databind", "lodash", "netty", "axios", "protobuf", "grpc", "spring-core")
_FOLDERS = {"platform-infra": ("modules/network", "modules/cluster", "live/production")}
_SUFFIX = {"platform-infra": "tf", "customer-portal": "ts", "batch-jobs": "py"}


def wording(rng: random.Random, repo: str, author: str) -> tuple[str, str]:
    """A pull request's title and the stem of its branch."""
    if author == roster.DEPENDABOT:
        library = rng.choice(_LIBRARIES)
        old = (rng.randint(1, 5), rng.randint(0, 9), rng.randint(0, 9))
        versions = ".".join(map(str, old)), f"{old[0]}.{old[1] + 1}.0"
        return f"Bump {library} from {versions[0]} to {versions[1]}", f"dependabot/maven/{library}-{versions[1]}"
    verb, thing = rng.choice(_VERBS), rng.choice(_THINGS[repo])
    stem = "infra" if repo == "platform-infra" else "fix" if verb == "Fix" else "feat"
    return f"{verb} {thing}", f"{stem}/{thing.lower().replace(' ', '-')}"


def touched_files(rng: random.Random, repo: str) -> tuple[File, ...]:
    """One to three changed files."""
    folders = _FOLDERS.get(repo, ("src/main", "src/service", "tests"))
    suffix = _SUFFIX.get(repo, "java")
    paths = sorted({f"{rng.choice(folders)}/part_{rng.randint(1, 24):02}.{suffix}" for _ in range(rng.randint(1, 3))})
    return tuple(File(path, "modified", rng.randint(1, 60), rng.randint(0, 30)) for path in paths)
