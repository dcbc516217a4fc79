"""A company and its systems at work: one HTTP server, files in a folder, a clock per system.

    with Simulation(simulate(1, start, end), folder) as running:
        running.set_clock("github", now)
        Github(base_url=running.urls["github"], …)

- Systems are found by folder: every module of `demo.systems` that has `build(company, directory)`.
- `truth.json` in the folder lists the verdicts that the planted violations must get; it is no system's file.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

import demo.systems
from demo.http import Server, Site

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from demo.faults import Fault
    from demo.model import Company
    from demo.systems import System


def build_systems(company: Company, directory: Path) -> list[System]:
    """Every system, each with a folder of its own name under `directory`."""
    found: list[System] = []
    for info in pkgutil.iter_modules(demo.systems.__path__):
        build = getattr(importlib.import_module(f"demo.systems.{info.name}"), "build", None)
        if build is not None:
            folder = directory / info.name
            folder.mkdir(parents=True, exist_ok=True)
            found.append(build(company, folder))
    return found


class Simulation:
    """The running systems of one company. `urls` has each system's root; `directory` holds the files.

    Clocks stand at the period's start unless `now` says otherwise. `port` 0 takes any free one.
    """

    def __init__(
        self,
        company: Company,
        directory: Path,
        *,
        now: datetime | None = None,
        faults: list[Fault] | None = None,
        port: int = 0,
    ) -> None:
        self.company = company
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        write_truth(company, directory)
        systems = build_systems(company, directory)
        self.site = Site(systems, now or company.start, faults)
        for system in systems:
            system.advance(self.site.clock(system.name))
        self._server = Server(self.site, port)
        self.url = self._server.url
        self.urls = {s.name: f"{self.url}/{s.name}" for s in systems}

    def set_clock(self, system: str, now: datetime) -> None:
        """Move one system's clock; `Site.set_clock` has the rules."""
        self.site.set_clock(system, now)

    def start(self) -> None:
        """Begin to serve."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.stop()

    def __enter__(self) -> Self:
        """Serve while the block runs."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.stop()


def write_truth(company: Company, directory: Path) -> Path:
    """Write `truth.json`: an array of control, population, attribute, item, kind, why, verdict."""
    path = directory / "truth.json"
    path.write_text(json.dumps([asdict(t) for t in company.truth], indent=1) + "\n", encoding="utf-8")
    return path
