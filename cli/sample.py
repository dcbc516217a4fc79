"""`evidence sample`: commit to a population, then draw a sample of it by the auditor's nonce.

Without `--nonce` the population is committed to in the ledger and a checkpoint is published. With the nonce, which the
auditor names only then, the sample follows; it is drawn from nothing but what was committed to.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.home import add_home_arguments, now, open_home, tell
from cli.test import tested

if TYPE_CHECKING:
    import argparse

    from controls.results import ControlResult
    from evidence.ledger.statements import Sample
    from warehouse.home import Home

HELP = "commit to a control's population, then draw a sample that anybody can draw again"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which population, and what to draw of it."""
    add_home_arguments(parser)
    parser.add_argument("--control", required=True, metavar="ID", help="the control whose population is sampled")
    parser.add_argument("--population", help="of several populations, this one")
    parser.add_argument("--period", help="2025Q4, 2025-11 or FROM..TO (default: last full quarter)")
    parser.add_argument("--pack", required=True, metavar="NAME", help="name of the pack that the sample is for")
    parser.add_argument("--stratum", metavar="PART", help="draw apart by this part of the subject, such as repo")
    parser.add_argument("--nonce", help="what the auditor chose after the population was committed to; draws")
    parser.add_argument("--size", type=int, metavar="N", help="how many items in all")
    parser.add_argument("--risk", type=float, default=0.05, help="risk of overreliance, for the size (default: 0.05)")
    parser.add_argument("--tolerable", type=float, default=0.05, help="tolerable rate, for the size (default: 0.05)")
    parser.add_argument("--allowed", type=int, default=0, help="deviations allowed, for the size (default: 0)")
    parser.add_argument("--also", action="append", default=[], metavar="SUBJECT", help="an item that a person picked")
    parser.add_argument("--json", action="store_true", help="print one object")


def run(args: argparse.Namespace) -> int:
    """Commit, or draw."""
    home = open_home(args)
    (result,) = tested(home, [args.control], args.period)
    commitments = _commitments(args, result)
    if args.nonce is None:
        return _commit(home, commitments)
    held = _committed(home)
    drawn = _drawn(args, result, commitments, held)
    if args.json:
        print(json.dumps(drawn, indent=1))
        return 0
    print(f"{args.control} {drawn['population']}: {drawn['size']} of {drawn['members']} ({drawn['basis']})")
    for name, keys in drawn["selections"].items():
        print("\n".join([f"\n{name}", *(f"  {number}. {key}" for number, key in enumerate(keys, 1))]))
    return 0


def _commit(home: Home, commitments: dict[Sample, list[str]]) -> int:
    from warehouse.checkpoints import checkpoint  # noqa: PLC0415 - keeps `--help` quick
    from warehouse.open import code_identity  # noqa: PLC0415

    held = _committed(home)
    new = [sample for sample in commitments if sample not in held]
    home.log.append([sample.encode(now(), code_identity()) for sample in new])
    problems = checkpoint(home, now=now()).problems
    for sample in commitments:
        said = "committed to now" if sample in new else "committed to before"
        print(f"{_name(sample)}: {sample.members} members, root {sample.population_sha256}, {said}")
    print("Next: let the auditor name a nonce, then repeat this with --nonce.")
    return tell(problems)


def _drawn(
    args: argparse.Namespace, result: ControlResult, commitments: dict[Sample, list[str]], held: set[Sample]
) -> dict[str, Any]:
    """The selections, by stratum, with what they were drawn by."""
    from controls import sampling  # noqa: PLC0415 - keeps `--help` quick
    from evidence.errors import ConfigError  # noqa: PLC0415

    if lacking := [_name(sample) for sample in commitments if sample not in held]:
        raise ConfigError(
            f"{', '.join(lacking)} was never committed to as it stands now",
            next_step="Run this without --nonce first; a nonce that was known before the commitment proves nothing.",
        )
    keys = [key for held_keys in commitments.values() for key in held_keys]
    if stray := sorted(set(args.also) - set(keys)):
        raise ConfigError(f"--also {stray[0]}: it is no member of the population")
    size = args.size or sampling.size(args.risk, args.tolerable, args.allowed, population=len(keys) or 1)
    basis = (
        "the number that was asked for" if args.size
        else f"exact, at most {args.tolerable:.0%} at {1 - args.risk:.0%} confidence, {args.allowed} deviations allowed"
    )  # fmt: skip
    by = {"pack": args.pack, "control": args.control, "definition": f"sha256:{result.control.sha256}"}
    if args.stratum:
        strata = {str(sample.stratum): held_keys for sample, held_keys in commitments.items()}
        chosen = sampling.stratified(strata, sampling.shares(strata, size), **by, nonce=args.nonce)
    else:
        ((sample, members),) = commitments.items()
        seed = sampling.seed(args.pack, args.control, by["definition"], sample.population_sha256, args.nonce)
        chosen = {"selection": sampling.select(members, seed, size)}
    if args.also:
        chosen["judgemental, no part of any projection"] = args.also
    return {
        **by, "population": next(iter(commitments)).population, "nonce": args.nonce, "members": len(keys), "size": size,
        "basis": basis, "roots": {_name(sample): sample.population_sha256 for sample in commitments},
        "selections": chosen,
    }  # fmt: skip


def _commitments(args: argparse.Namespace, result: ControlResult) -> dict[Sample, list[str]]:
    """What is to be committed to, whole or by stratum, with its keys."""
    from controls.sampling import population_root  # noqa: PLC0415 - keeps `--help` quick
    from evidence.errors import ConfigError  # noqa: PLC0415
    from evidence.ledger.statements import Sample  # noqa: PLC0415

    names = [members.name for members in result.populations]
    name = args.population or (names[0] if len(names) == 1 else "")
    if name not in names:
        raise ConfigError(f"--population {name or 'is not given'}; {args.control} has {', '.join(names)}")
    subjects = next(members.subjects for members in result.populations if members.name == name)
    pattern = result.control.sheet.populations[name].pattern
    parts: dict[str | None, list[str]] = {} if args.stratum else {None: list(subjects)}
    if args.stratum and args.stratum not in re.compile(pattern).groupindex:
        found = ", ".join(re.compile(pattern).groupindex)
        raise ConfigError(f"--stratum {args.stratum}: a subject of {name} has the parts {found}")
    for subject in subjects if args.stratum else ():
        matched = re.fullmatch(pattern, subject)
        parts.setdefault(matched[args.stratum] or "none" if matched else "none", []).append(subject)
    return {
        Sample(args.pack, args.control, name, result.control.sha256, population_root(keys), len(keys), stratum): keys
        for stratum, keys in parts.items()
    }


def _committed(home: Home) -> set[Sample]:
    """The commitments that the ledger holds."""
    from evidence.ledger.statements import Sample  # noqa: PLC0415 - keeps `--help` quick

    names = set(asdict(Sample("", "", "", 64 * "0", 64 * "0", 0)))
    return {Sample(**{k: v for k, v in value.items() if k in names}) for value in home.log.stated("sample")}


def _name(sample: Sample) -> str:
    return f"{sample.control} {sample.population}" + (f" of {sample.stratum}" if sample.stratum else "")
