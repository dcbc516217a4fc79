"""Publish a pack: one signed PDF/A-3 about one period, with everything that it rests on attached.

- A pack is never changed. Other content is a new version (`SOX-2026Q3-v2`); the same content is the same pack.
- What was assessed is stated in the ledger before the pack is made; the checkpoint that covers it is in the manifest.
- The file appears under its name whole or not at all.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weasyprint import HTML, Attachment

from controls.stated import scope_text, state_definitions
from evidence.canonical import canonical, sha256
from evidence.errors import ConfigError
from evidence.ledger.statements import Assessment, Pack
from reports.pack import facts
from reports.pack.attach import files
from reports.pack.finish import finish_pdf
from reports.pack.log import PackLog, pack_log
from reports.pack.manifest import PackFile, PackPeriod, build_manifest
from reports.pack.sections import SECTIONS, render
from reports.pack.sign import TimestampAuthority, sign_pdf
from warehouse.checkpoints import checkpoint
from warehouse.keyring import introduce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from controls.results import ControlResult
    from evidence.ledger.keys import Signer
    from evidence.ledger.statements import CodeIdentity
    from evidence.periods import Period
    from reports.pack.keys import PackSigner
    from warehouse.home import Home

SCOPE_NAME = "scope.json"
_SCOPE_FACT = "scope_sha256"


@dataclass(frozen=True, slots=True)
class Signers:
    """The two keys that a pack needs, the PDF's and the ledger's, and its timestamp authority's roots (PEM)."""

    pdf: PackSigner
    log: Signer
    log_vkey: str
    timestamp_roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """A pack that is there: its file, its name, whether this call made it, and what its ledger lacks."""

    path: Path
    name: str
    new: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Issue:
    """A pack in the making: of what period and results, with which keys, by which code, when.

    `digests`: of each result whole, in their order; `name` of the pack.
    """

    home: Home
    period: Period
    results: Sequence[ControlResult]
    digests: Sequence[str]
    signers: Signers
    code: CodeIdentity
    now: datetime
    name: str


def publish(
    home: Home,
    con: duckdb.DuckDBPyConnection,
    period: Period,
    results: Sequence[ControlResult],
    metrics: pa.Table,
    *,
    signers: Signers,
    code: CodeIdentity,
    now: datetime,
) -> Published:
    """Make the pack of `period`, or find the one that says the same.

    Args:
        home: where the ledger and the folder of packs are.
        con: session with views, scope and `custody_partitions`.
        results: what the controls found.
        metrics: delivery metrics (reports.dora `metric_value`).
        signers: keys.
        code: which code states the assessment.
        now: the time of issue.
    """
    folder = home.path / "packs"
    folder.mkdir(parents=True, exist_ok=True)
    digests = [sha256(canonical(result.as_json())) for result in results]
    content = _content(home, period, digests, metrics)
    version, held = _latest(folder, period)
    if held is not None and held["content_sha256"] == content:
        return Published(folder / held["file"], held["name"], new=False)
    name = f"SOX-{period.file_stem}-v{version + 1}"
    issue = _Issue(home, period, results, digests, signers, code, now, name)
    facts.register(con, results, metrics, period)
    log = _stated(issue, folder)
    manifest, unsigned = _made(issue, con, log)
    signed = _signed(issue, unsigned)
    path = _keep(folder, f"{name}.pdf", signed)
    record = {"name": name, "file": path.name, "content_sha256": content, "version": version + 1}
    record |= {"log_size": log.ledger.size, "log_root": log.ledger.root.hex()}
    _keep(folder, f"{name}.json", canonical({**record, "unsigned_sha256": sha256(unsigned), "sha256": sha256(signed)}))
    home.log.append([Pack(name, period.start, period.end, sha256(manifest), sha256(unsigned)).encode(now, code)])
    return Published(path, name, new=True, problems=(*log.problems, *checkpoint(home, now=now).problems))


def _stated(issue: _Issue, folder: Path) -> PackLog:
    """State keys, definitions and results in the ledger; the log as the pack carries it."""
    home, signers = issue.home, issue.signers
    leaf = signers.pdf.signer.signing_cert.sha256.hex()
    introduce(home, certificate=(leaf, signers.pdf.trusted_pem), code=issue.code, now=issue.now)
    state_definitions(home, code=issue.code, now=issue.now)
    home.log.append(_assessments(issue))
    return pack_log(home, folder, now=issue.now)


def _made(issue: _Issue, con: duckdb.DuckDBPyConnection, log: PackLog) -> tuple[bytes, bytes]:
    """The manifest, and the pack before its signature."""
    period = issue.period
    scope = PackFile(SCOPE_NAME, scope_text(issue.home.config.scope), "scope", embedded=True)
    attached = sorted([*files(con, issue.results, log.statements), log.anchors, scope], key=lambda file: file.path)
    common = _common(issue, log)
    manifest = build_manifest(
        issue.name, PackPeriod(period.name, period.start, period.end), attached, log.ledger, _facts(issue)
    )
    return manifest, finish_pdf(_render(con, common, attached, manifest, issue.now))


def _signed(issue: _Issue, unsigned: bytes) -> bytes:
    url = issue.home.config.timestamping.url
    tsa = TimestampAuthority(url, issue.signers.timestamp_roots) if url else None
    return sign_pdf(unsigned, issue.signers.pdf, now=issue.now, reason=f"Evidence pack {issue.name}", tsa=tsa)


def newest(home: Home, period: Period) -> Path:
    """The last version of the pack of `period`; `ConfigError` if there is none."""
    _, held = _latest(home.path / "packs", period)
    if held is None:
        raise ConfigError(
            f"no pack of {period.name} was published", next_step=f"Run `evidence pack --period {period.name}`."
        )
    return home.path / "packs" / str(held["file"])


def _content(home: Home, period: Period, digests: Sequence[str], metrics: pa.Table) -> str:
    """Digest of what a pack says, apart from when and by whom it is issued."""
    return sha256(
        canonical({
            "period": period.name, "scope": _scope_sha256(home),
            "results": list(digests),
            "metrics": sorted(str(item) for item in metrics.column("inputs_sha256").to_pylist()),
            "definitions": sorted({str(item) for item in metrics.column("definition_version").to_pylist()}),
        })
    )  # fmt: skip


def _latest(folder: Path, period: Period) -> tuple[int, dict[str, Any] | None]:
    records = [json.loads(p.read_bytes()) for p in folder.glob(f"SOX-{period.file_stem}-v*.json")]
    last = max(records, key=lambda record: int(record["version"]), default=None)
    return (int(last["version"]), last) if last else (0, None)


def _assessments(issue: _Issue) -> list[bytes]:
    home, period = issue.home, issue.period
    snapshot = sha256(canonical({table: str(number) for table, number in home.lake.snapshots().items()}))
    return [
        Assessment(
            result.control.id, period.start, period.end, result.conclusion, result.control.sha256,
            _scope_sha256(home), snapshot, digest, result.counts,
        ).encode(issue.now, issue.code)
        for result, digest in zip(issue.results, issue.digests, strict=True)
    ]  # fmt: skip


def _common(issue: _Issue, log: PackLog) -> dict[str, Any]:
    home, name, signers, now = issue.home, issue.name, issue.signers, issue.now
    until, ledger = home.retain_until, log.ledger
    return {
        "pack": {
            "id": name, "title": f"Evidence pack {name}", "company": home.config.company, "period": issue.period,
            "freeze_at": home.config.freeze_at(issue.period), "now": now,
            "now_iso": now.isoformat().replace("+00:00", "Z"), "file_name": f"{name}.pdf",
            "status": "Draft: exceptions and conclusions await disposition and sign-off by named persons",
            "signer": signers.pdf.subject, "certificate_sha256": signers.pdf.fingerprint,
            "timestamping": home.config.timestamping.url or "none: no timestamp authority is configured",
            "retained_until": f"{until:%Y-%m-%d}" if until else "no retention is configured",
            "collector": home.collector, "scope_sha256": _scope_sha256(home), "log_origin": ledger.origin,
            "log_size": ledger.size, "log_root": ledger.root.hex(), "log_vkey": signers.log_vkey,
            "snapshots": home.lake.snapshots(), "witnesses": log.standing.witnesses,
            "log_timestamp": log.standing.timestamp, "log_problems": log.problems, "log_remarks": log.standing.remarks,
            "earlier": [old.size for old in ledger.consistency],
        }
    }  # fmt: skip


def _facts(issue: _Issue) -> dict[str, str]:
    home, code = issue.home, issue.code
    return {
        "known_until": home.config.known_until(issue.period, issue.now).isoformat(),
        "company": home.config.company, _SCOPE_FACT: _scope_sha256(home), "code_commit": code.commit,
        "zone": home.config.zone, "fiscal_year_starts": str(home.config.fiscal_year_starts),
        "code_tree_clean": str(code.tree_clean).lower(), "lock_sha256": code.lock_sha256,
        **{f"definition_{result.control.id}": result.control.sha256 for result in issue.results},
    }  # fmt: skip


def _scope_sha256(home: Home) -> str:
    return sha256(scope_text(home.config.scope))


def _render(
    con: duckdb.DuckDBPyConnection,
    common: Mapping[str, Any],
    attached: Sequence[PackFile],
    manifest: bytes,
    now: datetime,
) -> bytes:
    html = render(con, common)
    contents = [(file.path, file.content) for file in attached] + [("manifest.json", manifest)]
    attachments = [
        Attachment(string=content, name=path, created=now, modified=now, relationship="Data")
        for path, content in contents
    ]
    os.environ["SOURCE_DATE_EPOCH"] = str(int(now.timestamp()))  # fontTools stamps subset fonts with it
    document = HTML(string=html, base_url=str(SECTIONS))
    # Compressed when it is finished, once; WeasyPrint would compress every stream twice.
    pdf = document.write_pdf(pdf_variant="pdf/a-3a", attachments=attachments, uncompressed_pdf=True)
    return bytes(pdf)


def _keep(folder: Path, name: str, data: bytes) -> Path:
    """Write a file that appears whole, and is read-only."""
    temporary = folder / f".{name}.{os.getpid()}"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o444)
    temporary.replace(folder / name)
    return folder / name
