"""Re-perform a pack: rebuild its tables from the captures, ask every control again, compare with what it says.

- What counts is what was signed: the receipts in the pack's ledger, its scope, its period. A receipt that came to the
  locker later plays no part; one that is gone or altered is told, and nothing is rebuilt on it.
- A control that this installation defines otherwise than the pack says cannot be compared, and is told.
- Compared are every verdict with its reason and evidence, every conclusion, every value of a metric.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from controls import engine, scope
from controls.definitions import catalogue
from evidence.canonical import canonical, sha256
from evidence.config import Config
from evidence.errors import EvidenceError
from evidence.verify.formats.errors import FormatError
from evidence.verify.manifest import LEDGER_NAME, parse_statements
from evidence.verify.pack import NOT_REPERFORMED
from evidence.verify.report import Check, Name, Result, failed, not_checked, passed
from reports.differences import ABSENT, metric_differences, verdict_differences
from reports.dora.warehouse import of_period
from reports.pack import facts
from reports.pack.build import SCOPE_NAME
from warehouse.replay import NamedReceipts, ReplayedHome, reread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from controls.results import ControlResult
    from evidence.stores.base import Store
    from evidence.verify.manifest import Manifest
    from evidence.verify.report import Report
    from reports.differences import Difference

_SHOWN = 5  # differences in one message
_STILL_OPEN = (
    "That the controls ask the right questions: re-performing shows that the same questions of the same bytes have the"
    " same answers with the code that is installed here, got apart from the pack."
)


@dataclass(frozen=True, slots=True)
class _Pack:
    """What a pack says, as signed: manifest, attachments, and what its log assessed, by control."""

    manifest: Manifest
    attachments: Mapping[str, bytes]
    receipts: frozenset[str]
    assessed: Mapping[str, Mapping[str, Any]]


def reperform(
    report: Report, contents: tuple[Manifest, Mapping[str, bytes]] | None, captures: Store, *, folder: Path
) -> Report:
    """`report` with what re-performing the pack found.

    Args:
        report: what verifying found.
        contents: the pack's manifest and attachments, as they were signed; None if they could not be read.
        captures: the store of captures; it is only read.
        folder: an empty folder to build in.

    Raises:
        EvidenceError: the tables cannot be built, or a question cannot be asked, here.
    """
    if contents is None:
        return _with(report, [not_checked(Name.CAPTURES, "the pack's signed contents cannot be read")])
    try:
        pack = _read(*contents)
        config = _config(pack, folder)
    except (FormatError, KeyError, ValueError) as error:
        missing = f"the pack does not carry what re-performing needs: {error!r}"
        return _with(report, [not_checked(Name.CAPTURES, missing)])
    locker = NamedReceipts(captures, pack.receipts)
    check = _captures(locker, pack.receipts)
    if check.result is not Result.OK:
        return _with(report, [check])
    results, metrics, differences = _repeat(pack, ReplayedHome(config, {}, {}, locker=locker))
    unknown = sorted(_otherwise_defined(pack.manifest, results))
    found = [one for one in differences if one.get("control") not in unknown]
    found += [one for one in _conclusions(pack, results) if one["control"] not in unknown]
    checks = [check, _verdicts(pack, results, found, unknown), _metrics(metrics, found)]
    return _with(report, checks, found, reperformed=not unknown)


def _read(manifest: Manifest, attachments: Mapping[str, bytes]) -> _Pack:
    receipts: set[str] = set()
    assessed: dict[str, Mapping[str, Any]] = {}
    for text in parse_statements(attachments[LEDGER_NAME]):
        value = json.loads(text)
        if value["kind"] == "receipt":
            receipts.add(hashlib.sha256(text).hexdigest())
        elif value["kind"] == "assessment" and (value["period_start"], value["period_end"]) == (
            manifest.period.start, manifest.period.end,
        ):  # fmt: skip
            assessed[value["control"]] = value  # the last one: what this pack was made from
    return _Pack(manifest, attachments, frozenset(receipts), assessed)


def _config(pack: _Pack, folder: Path) -> Config:
    """The configuration that the pack was made under, as far as it decides results; everything else by default."""
    held, text = pack.manifest.facts, pack.attachments[SCOPE_NAME]
    if sha256(text) != held["scope_sha256"]:
        raise ValueError(f"{SCOPE_NAME} is not the scope that the manifest names")
    config = Config(
        company=held["company"], zone=held["zone"], fiscal_year_starts=int(held["fiscal_year_starts"]),
        home="rebuilt", scope=json.loads(text),
    ).model_copy(update={"root": folder})  # fmt: skip
    period = config.period(pack.manifest.period.label)
    stated = [datetime.fromisoformat(text) for text in (pack.manifest.period.start, pack.manifest.period.end)]
    if [period.start, period.end] != stated:
        raise ValueError(f"{period.name} is {period.start.isoformat()} to {period.end.isoformat()} in {config.zone}")
    return config


def _captures(locker: NamedReceipts, names: frozenset[str]) -> Check:
    try:
        found = reread(locker, names)
    except EvidenceError as error:
        return failed(Name.CAPTURES, str(error))
    problems = [*found.problems, *(f"the receipt {name} is not there" for name in found.missing)]
    if problems:
        return failed(Name.CAPTURES, _listed(problems))
    told = f"{found.receipts:,} receipts of the log and the {found.captures:,} captures that they count"
    return passed(Name.CAPTURES, f"{told}, each read and compared with its digest")


def _repeat(pack: _Pack, home: ReplayedHome) -> tuple[list[ControlResult], pa.Table, list[Difference]]:
    """Build, ask, and compare with the attachments."""
    period = home.config.period(pack.manifest.period.label)
    known_until = datetime.fromisoformat(pack.manifest.facts["known_until"])
    home.builder().build()
    with home.connection() as con:
        metrics = of_period(con, home.config, period, as_of=known_until).metric_value
    with home.connection() as con:
        scope.prepare(con, home.config.scope, zone=home.config.zone)
        results = engine.test(con, catalogue().values(), period, freeze_at=known_until)
        facts.register(con, results, metrics, period)
        work = home.path / "attached"
        work.mkdir()
        attached = {
            path.removesuffix("-results.parquet"): pack.attachments[path]
            for path in pack.attachments
            if path.endswith("-results.parquet")
        }
        found = [
            *verdict_differences(con, attached, work),
            *metric_differences(con, pack.attachments["metrics.parquet"], work),
        ]
    return results, metrics, found


def _otherwise_defined(manifest: Manifest, results: Sequence[ControlResult]) -> Iterator[str]:
    """Controls that the pack and this installation do not define alike."""
    ours = {f"definition_{result.control.id}": result.control.sha256 for result in results}
    theirs = {name: value for name, value in manifest.facts.items() if name.startswith("definition_")}
    for name in ours.keys() | theirs.keys():
        if ours.get(name) != theirs.get(name):
            yield name.removeprefix("definition_")


def _conclusions(pack: _Pack, results: Sequence[ControlResult]) -> Iterator[Difference]:
    """Controls whose whole result is not the one that the log states."""
    for result in results:
        stated = pack.assessed.get(result.control.id, {})
        if stated.get("result_sha256") != sha256(canonical(result.as_json())):
            yield {
                "control": result.control.id, "what": "the result that the log states",
                "pack": str(stated.get("conclusion", ABSENT)), "reperformed": result.conclusion,
            }  # fmt: skip


def _verdicts(pack: _Pack, results: Sequence[ControlResult], found: Sequence[Difference], unknown: list[str]) -> Check:
    differing = [_told(one) for one in found if "control" in one]
    if differing:
        return failed(Name.VERDICTS, _listed(differing))
    count = sum(len(result.verdicts) for result in results if result.control.id not in unknown)
    told = f"{count:,} verdicts and {len(results) - len(unknown)} conclusions are those of the pack"
    if unknown:
        commit = pack.manifest.facts.get("code_commit", "unknown")
        return not_checked(
            Name.VERDICTS, f"{told}; defined otherwise here: {', '.join(unknown)} (the pack: commit {commit})"
        )
    return passed(Name.VERDICTS, told)


def _metrics(metrics: pa.Table, found: Sequence[Difference]) -> Check:
    differing = [_told(one) for one in found if "metric" in one]
    if differing:
        return failed(Name.METRICS, _listed(differing))
    return passed(Name.METRICS, f"{metrics.num_rows:,} values are those of the pack")


def _told(one: Difference) -> str:
    place = " ".join(one[key] for key in ("control", "metric", "attribute", "subject", "what") if key in one)
    return f"{place}: {one['pack']} in the pack, {one['reperformed']} here"


def _listed(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
    return "; ".join(problems[:_SHOWN]) + more


def _with(
    report: Report, checks: Sequence[Check], differences: Iterable[Difference] = (), *, reperformed: bool = False
) -> Report:
    done = {check.name for check in checks}
    checks = [
        *checks,
        *(not_checked(name, "see above") for name in (Name.VERDICTS, Name.METRICS) if name not in done),
    ]
    still_open = report.does_not_prove
    if reperformed:
        still_open = tuple(_STILL_OPEN if text == NOT_REPERFORMED else text for text in still_open)
    return replace(report, checks=(*report.checks, *checks), does_not_prove=still_open, differences=tuple(differences))
