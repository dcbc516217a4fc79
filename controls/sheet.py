"""What the sheet of a control says, field by field; `controls.definitions` finds and reads them."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

PARAMETERS = Path(__file__).with_name("parameters.yaml")


@cache
def parameter_defaults() -> dict[str, dict[str, Any]]:
    """Parameter name -> its default `value` and `unit`."""
    return dict(yaml.safe_load(PARAMETERS.read_text(encoding="utf-8")))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Part):
    """What is tested.

    Attributes:
        member: what one member is, in words.
        key: how its subject is written, in words.
        pattern: what every subject matches in full.
        streams: streams (full names or aliases) that must be complete for no member to be hidden.
        silence: streams whose silence must be disproved, hour by hour, before an empty population counts as proved.
    """

    member: str
    key: str
    pattern: str
    streams: tuple[str, ...]
    silence: tuple[str, ...] = ()


class Attribute(_Part):
    """What is asked of each member of a population.

    Attributes:
        text: the predicate, in words.
        population: the population whose members are asked.
        also: further populations whose members are asked the same.
        needs: streams that the answer rests on; an incomplete day of one of them makes the answer INDETERMINATE.
        approving: those of them whose records can only turn an exception into a pass.
        presence: True if an exception is shown by a record, so that missing evidence cannot undo it.
        limitation: what cannot be tested here, and why; where it was asked, the conclusion is SCOPE_LIMITATION.
        severity: what one exception proposes.
    """

    text: str
    population: str
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    approving: tuple[str, ...] = ()
    presence: bool = False
    limitation: str = ""
    severity: Literal["deficiency", "significant deficiency", "material weakness indicator"] = "deficiency"

    @property
    def populations(self) -> tuple[str, ...]:
        """Every population whose members are asked."""
        return (self.population, *self.also)


class Tolerable(_Part):
    """How many exceptions a control may have and still be concluded on: `rate` of its members (0 = none)."""

    rate: float = Field(ge=0, le=1)
    text: str


class Case(_Part):
    """A small example: records by alias, and what must come out. All cases of a control share one session."""

    name: str
    records: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    expect: list[tuple[str, str, str]] = Field(min_length=1)  # subject, attribute, verdict


class Sheet(_Part):
    """One version of a control, as its file says it."""

    id: str
    version: int = 1
    title: str = Field(max_length=150)
    objective: str
    risk: str
    domain: Literal["Access", "Change", "Operations", "Security", "Evidence", "Development"]
    owner: str
    nature: str
    frequency: dict[Literal["control", "test"], str]
    key: bool
    populations: dict[str, Population] = Field(min_length=1)
    attributes: dict[str, Attribute] = Field(min_length=1)
    parameters: tuple[str, ...] = ()
    tolerable: Tolerable
    severity: str
    completeness: str
    compensating: str = ""
    mapping: dict[str, tuple[str, ...]]
    effective_from: date = date(2000, 1, 1)
    reads_results: bool = False
    cases: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Sheet:
        for letter, attribute in self.attributes.items():
            if not re.fullmatch(r"[A-Z]", letter):
                raise ValueError(f"attribute {letter!r}: valid are single capital letters")
            for population in attribute.populations:
                if population not in self.populations:
                    valid = ", ".join(self.populations)
                    raise ValueError(f"attribute {letter}: population {population!r}; valid are {valid}")
            if stray := set(attribute.approving) - set(attribute.needs):
                raise ValueError(f"attribute {letter}: approving streams {sorted(stray)} are not among its needs")
        unknown = [name for name in self.parameters if name not in parameter_defaults()]
        if unknown:
            raise ValueError(f"parameters {unknown}: valid are those of controls/parameters.yaml")
        return self
