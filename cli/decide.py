"""`evidence decide`: what the exceptions of a period propose, and a named person's decision beside each proposal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.home import add_home_arguments, now, open_home, tell
from cli.test import tested

if TYPE_CHECKING:
    import argparse

    from controls.severity import Proposal
    from warehouse.home import Home

HELP = "list proposed severities with who decided what, or state a decision in the ledger"
_SHORT = 12  # characters of a digest that a person types


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which period, and what is decided."""
    add_home_arguments(parser)
    parser.add_argument("--period", help="2025Q4, 2025-11 or FROM..TO (default: last full quarter)")
    parser.add_argument(
        "--proposal", metavar="DIGEST", help="the proposal that is decided about, by its digest's beginning"
    )
    parser.add_argument("--severity", help="what is decided")
    parser.add_argument("--by", default="", metavar="PERSON", help="who decides")
    parser.add_argument("--reason", default="", help="why")
    parser.add_argument("--json", action="store_true", help="print one array, an object per proposal")


def run(args: argparse.Namespace) -> int:
    """List, or state a decision and publish a checkpoint."""
    from controls.severity import decisions, proposals  # noqa: PLC0415 - keeps `--help` quick

    home = open_home(args)
    found = proposals(tested(home, None, args.period))
    if args.proposal:
        return _decide(home, found, args)
    held = decisions(found, home.log.stated("decision"))
    if args.json:
        print(json.dumps([p.as_json() | {"sha256": p.sha256, "decision": d} for p, d in held], indent=1))
        return 0
    for proposal, decision in held:
        print(f"{proposal.sha256[:_SHORT]}  {proposal.grouped_by} {proposal.group}: {proposal.severity} is proposed")
        print(f"  {len(proposal.exceptions)} exceptions; {proposal.why}")
        print(f"  {decision['by']}: {decision['decided']}, {decision['reason']}" if decision else "  not decided")
    return 0


def _decide(home: Home, found: list[Proposal], args: argparse.Namespace) -> int:
    from controls.severity import decide  # noqa: PLC0415 - keeps `--help` quick
    from evidence.errors import ConfigError  # noqa: PLC0415
    from warehouse.checkpoints import checkpoint  # noqa: PLC0415
    from warehouse.open import code_identity  # noqa: PLC0415

    meant = [proposal for proposal in found if proposal.sha256.startswith(args.proposal)]
    if len(meant) != 1:
        raise ConfigError(
            f"--proposal {args.proposal}: {len(meant)} proposals of the period have that digest",
            next_step="Run `evidence decide` without --proposal; it lists them as they stand now.",
        )
    decision = decide(meant[0], args.severity or "", by=args.by, reason=args.reason)
    home.log.append([decision.encode(now(), code_identity())])
    problems = checkpoint(home, now=now()).problems
    print(f"{decision.by} decided: {decision.decided}; {decision.proposed} was proposed. Both are in the ledger.")
    return tell(problems)
