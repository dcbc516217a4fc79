"""GitHub audit events in streaming form, any number of them, the same for the same seed.

- Actions and fields are those of the real log; weights are those of a busy organisation: calls and Git traffic and
  workflow runs make most of it, changes of protection less than a thousandth.
- Faults at known rates, returned as the truth: exact duplicates (2 %), conflicting ones (1 in 100,000).
"""

from __future__ import annotations

import base64
import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = 1_782_864_000_000  # 2026-07-01T00:00:00Z, ms
MONTH = 31 * 86_400_000
DUPLICATES = 0.02
CONFLICTS = 0.000_01

_AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0",
    "git/2.50.1", "gh/2.76.0", "actions-runner/2.327.1", "terraform-provider-github/6.6.0",
)  # fmt: skip
_HEAD = (
    '{"@timestamp":%(at)d,"_document_id":"%(id)s","action":"%(action)s","actor":"%(actor)s","actor_id":%(actor_id)d,'
    '"actor_is_bot":%(bot)s,"actor_location":{"country_code":"US"},"business":"example","business_id":7001,'
    '"created_at":%(at)d,"operation_type":"%(operation)s","org":"example-pay","org_id":70011,"user_agent":"%(agent)s",'
)
_REPO = '"repo":"example-pay/%(repo)s","repo_id":%(repo_id)d,"public_repo":false,'
_TEMPLATES = (
    (40, "api.request", "access", ('"hashed_token":"%(token)s","programmatic_access_type":"GitHub App server-to-server '
     'token","request_category":"api","request_method":"GET","route":"/repos/{owner}/{repo}/pulls","status_code":200,'
     '"token_id":%(token_id)d,"url_path":"/repos/example-pay/%(repo)s/pulls"}')),
    (22, "git.fetch", "access", (_REPO + '"hashed_token":"%(token)s","programmatic_access_type":"OAuth access token",'
     '"repository":"example-pay/%(repo)s","transport_protocol":1,"transport_protocol_name":"http","token_id":%(token_id)d}')),
    (10, "git.push", "modify", (_REPO + '"repository":"example-pay/%(repo)s","transport_protocol":2,'
     '"transport_protocol_name":"ssh","external_identity_nameid":"%(actor)s@example.com"}')),
    (9, "workflows.created_workflow_run", "create", (_REPO + '"event":"push","head_branch":"main","head_sha":"%(sha)s",'
     '"name":"ci","workflow_id":5551,"workflow_run_id":%(run)d,"run_number":%(number)d,"run_attempt":1}')),
    (9, "workflows.completed_workflow_run", "modify", (_REPO + '"event":"push","head_branch":"main",'
     '"head_sha":"%(sha)s",'
     '"name":"ci","conclusion":"success","workflow_id":5551,"workflow_run_id":%(run)d,"run_number":%(number)d,'
     '"run_attempt":1,"completed_at":"2026-07-02T10:00:00.000Z"}')),
    (5, "workflows.prepared_workflow_job", "create", (_REPO + '"environment_name":"production","job_name":"deploy",'
     '"job_workflow_ref":"example-pay/%(repo)s/.github/workflows/cd.yml@refs/heads/main","calling_workflow_refs":[],'
     '"calling_workflow_shas":[],"secrets_passed":["VAULT_ROLE"],"is_hosted_runner":false,"runner_labels":["self-hosted"],'
     '"workflow_run_id":%(run)d,"run_attempt":1}')),
    (2, "pull_request.create", "create", (_REPO + '"pull_request_id":%(run)d,"pull_request_title":"Change %(number)d",'
     '"pull_request_url":"https://github.com/example-pay/%(repo)s/pull/%(number)d"}')),
    (2, "pull_request_review.submit", "create", (_REPO + '"pull_request_id":%(run)d,"review_id":%(token_id)d}')),
    (1, "pull_request.merge", "modify", (_REPO + '"pull_request_id":%(run)d,'
     '"pull_request_url":"https://github.com/example-pay/%(repo)s/pull/%(number)d"}')),
    (0.05, "protected_branch.policy_override", "modify", (_REPO + '"branch":"refs/heads/main","before":"%(sha)s",'
     '"after":"%(sha)s","overridden_codes":["review_policy_not_satisfied"],"reasons":[{"code":"review_policy_not_satisfied",'
     '"message":"At least 1 approving review is required"}],"compliant_pull_request_ids":[]}')),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """What a file of events holds: lines, and how many of them are duplicates and conflicts."""

    lines: int
    duplicate: int
    conflict: int


def write_events(path: Path, count: int, *, seed: int = 1) -> Truth:
    """Write `count` lines to `path`; the truth of what they hold."""
    duplicate = conflict = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        buffer: list[str] = []
        for line, fault in _lines(count, random.Random(seed)):
            duplicate += fault == "duplicate"
            conflict += fault == "conflict"
            buffer.append(line)
            if len(buffer) == 10_000:
                file.write("\n".join(buffer) + "\n")
                buffer.clear()
        if buffer:
            file.write("\n".join(buffer) + "\n")
    return Truth(count, duplicate, conflict)


def _lines(count: int, dice: random.Random) -> Iterator[tuple[str, str]]:
    weights = [template[0] for template in _TEMPLATES]
    choices = dice.choices(range(len(_TEMPLATES)), weights, k=min(count, 100_000))
    texts = [_HEAD + template[3] for template in _TEMPLATES]
    recent: list[str] = []
    for n in range(count):
        roll = dice.random()
        if recent and roll < DUPLICATES:
            yield recent[int(roll / DUPLICATES * len(recent))], "duplicate"
            continue
        if recent and roll > 1 - CONFLICTS:
            yield recent[-1].replace('"business_id":7001', f'"business_id":{n}'), "conflict"
            continue
        chosen = choices[n % len(choices)]
        line = texts[chosen] % _values(n, count, roll, chosen)
        if len(recent) < 1_000:
            recent.append(line)
        else:
            recent[n % 1_000] = line
        yield line, ""


def _values(n: int, count: int, roll: float, chosen: int) -> dict[str, object]:
    digest = hashlib.sha256(b"%d" % n)
    who = int(roll * roll * 400)
    where = int(roll * 1e6) % 250
    return {
        "at": START + MONTH * n // count // 4 * 4, "id": base64.urlsafe_b64encode(digest.digest()[:16])[:22].decode(),
        "action": _TEMPLATES[chosen][1], "operation": _TEMPLATES[chosen][2], "actor": f"user-{who}",
        "actor_id": 9_000 + who, "bot": "true" if who < 20 else "false", "agent": _AGENTS[who % len(_AGENTS)],
        "repo": f"service-{where}", "repo_id": 81_000 + where, "token": base64.b64encode(digest.digest()).decode(),
        "token_id": 550_000 + who, "run": 90_000_000 + n // 3, "number": n // 30 + 1, "sha": digest.hexdigest()[:40],
    }  # fmt: skip
