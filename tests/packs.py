"""Small evidence packs for tests: rendered by WeasyPrint, finished, signed, with a log of a few leaves."""

from __future__ import annotations

import functools
import io
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pikepdf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from weasyprint import HTML, Attachment

from evidence.canonical import canonical, sha256
from evidence.verify.formats import cosignature, merkle
from evidence.verify.formats.checkpoint import Checkpoint
from evidence.verify.formats.cosignature import WitnessKey
from evidence.verify.formats.notes import Ed25519Key, Note, Signature
from evidence.verify.manifest import Consistency, Inclusion, Ledger
from reports.pack.finish import finish_pdf
from reports.pack.manifest import PackFile, PackPeriod, build_manifest, build_statements
from reports.pack.sign import sign_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from reports.pack.keys import PackSigner

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DATE = "D:20261120093000Z"
PERIOD = PackPeriod("2026Q3", datetime(2026, 7, 1, 4, tzinfo=UTC), datetime(2026, 10, 1, 4, tzinfo=UTC))

RISKS = PackFile("rcm.csv", b"control,risk\nCHG-01,unreviewed change\n", "rcm", embedded=True)
RESULTS = PackFile("workpapers/CHG-01/results.csv", b"subject,verdict\nx#1,PASS\n" * 40, "results", embedded=True)
POPULATION = PackFile("workpapers/CHG-01/population.parquet", b"PAR1 not really PAR1", "population", embedded=False)
FILES = (RISKS, RESULTS, POPULATION)

PAGE = """<html lang="en"><head><title>Evidence pack</title>
<meta name="dcterms.created" content="2026-11-20T09:30:00Z">
<meta name="dcterms.modified" content="2026-11-20T09:30:00Z">
<style>@page { size: A5; font-family: "DejaVu Sans" } body { font-family: "DejaVu Sans" }</style></head>
<body><h1>Evidence pack</h1><p>Every number can be followed to the bytes.</p></body></html>"""


def render(attachments: Mapping[str, bytes]) -> bytes:
    """A one-page PDF/A-3a with `attachments`, as the pack's renderer leaves it."""
    document = HTML(string=PAGE).render(pdf_variant="pdf/a-3a")
    document.metadata.attachments = [
        Attachment(string=content, name=name, created=NOW, modified=NOW, relationship="Data")
        for name, content in attachments.items()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
        return bytes(document.write_pdf(pdf_variant="pdf/a-3a"))


@functools.cache
def blank() -> bytes:
    """A finished page without attachments."""
    return finish_pdf(render({}))


def attach(pdf: bytes, attachments: Mapping[str, bytes]) -> bytes:
    """`pdf` with `attachments` in its name tree; far quicker than rendering again."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for name, content in attachments.items():
            document.attachments[name] = pikepdf.AttachedFileSpec(
                document, content, description=name, filename=name, mime_type="", creation_date=DATE, mod_date=DATE
            )
        target = io.BytesIO()
        document.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return target.getvalue()


@dataclass
class LogOfTests:
    """A log in memory: its key, its witnesses, its leaves."""

    origin: str = "log.example/evidence"
    seed: int = 1
    witnesses: Sequence[int] = (11, 12)
    leaves: list[bytes] = field(default_factory=list)

    @property
    def vkey(self) -> str:
        """The log's verifier key."""
        return Ed25519Key(self.origin, _public(self.seed)).vkey

    @property
    def witness_vkeys(self) -> list[str]:
        """The witnesses' verifier keys."""
        return [self._witness(number).vkey for number in self.witnesses]

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves, or all."""
        return merkle.root([merkle.leaf_hash(leaf) for leaf in self.leaves[:size]])

    def checkpoint(self, size: int | None = None, at: datetime = NOW) -> str:
        """The checkpoint over the first `size` leaves, or all, signed and, at the time `at`, cosigned."""
        body = Checkpoint(self.origin, len(self.leaves[:size]), self.root(size)).body()
        own = Ed25519Key(self.origin, _public(self.seed))
        lines = [Signature(own.name, own.key_id, _private(self.seed).sign(body))]
        seconds = int(at.timestamp())
        for number in self.witnesses:
            key = self._witness(number)
            value = cosignature.encode(seconds, _private(number).sign(cosignature.message(body, seconds)))
            lines.append(Signature(key.name, key.key_id, value))
        return Note(body, tuple(lines)).encode().decode()

    def ledger(self, indexes: Iterable[int], earlier: Iterable[int] = ()) -> Ledger:
        """The manifest's ledger with proofs of the leaves at `indexes` and from the sizes `earlier`."""
        hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves]
        return Ledger(
            origin=self.origin,
            size=len(hashes),
            root=self.root(),
            checkpoint_note=self.checkpoint(),
            proofs={sha256(self.leaves[i]): Inclusion(i, tuple(merkle.inclusion_path(hashes, i))) for i in indexes},
            consistency=tuple(
                Consistency(size, self.root(size), tuple(merkle.consistency_path(hashes, size))) for size in earlier
            ),
        )

    def _witness(self, number: int) -> WitnessKey:
        return WitnessKey(f"witness-{number}.example", _public(number))


PLAN = canonical({
    "kind": "plan", "name": "2026Q3", "at": "2026-06-30T06:00:00Z", "period_start": "2026-07-01T04:00:00Z",
    "period_end": "2026-10-01T04:00:00Z", "streams": [], "schedule": "daily", "sla_hours": 72,
})  # fmt: skip


def grown_log(leaves: int = 12) -> LogOfTests:
    """A log of a plan that asks for nothing, and numbered statements after it."""
    return LogOfTests(leaves=[PLAN, *(b'{"receipt":%d}' % number for number in range(1, leaves))])


def pack_pdf(
    signer: PackSigner,
    files: Iterable[PackFile] = FILES,
    ledger: Ledger | None = None,
    statements: Iterable[bytes] = (),
) -> bytes:
    """A signed pack of `files`, whose manifest says so; statements are attached if there is a ledger."""
    files = [*files]
    if ledger is not None:
        files.append(PackFile("ledger.json", build_statements(statements), "statements", embedded=True))
    attachments = {file.path: file.content for file in files if file.embedded and isinstance(file.content, bytes)}
    manifest = build_manifest("SOX-2026Q3-v1", PERIOD, files, ledger, {"code_commit": "0" * 40})
    return signed(signer, {**attachments, "manifest.json": manifest})


def signed(signer: PackSigner, attachments: Mapping[str, bytes]) -> bytes:
    """A signed pack with exactly these attachments, whatever its manifest says."""
    return sign_pdf(attach(blank(), attachments), signer, now=NOW, reason="Quarterly evidence pack")


def lay_out(folder: Path, pdf: bytes, files: Iterable[PackFile] = FILES) -> Path:
    """The pack in `folder`, with the files that it does not embed beside it; the PDF's path."""
    path = folder / "SOX-2026Q3-v1.pdf"
    path.write_bytes(pdf)
    for file in files:
        if not file.embedded and isinstance(file.content, bytes):
            beside = path.with_suffix(".d") / file.path
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(file.content)
    return path


def _private(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def _public(seed: int) -> bytes:
    return _private(seed).public_key().public_bytes_raw()
