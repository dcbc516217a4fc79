"""Errors, split by what the reader does next.

::

    EvidenceError
    ├── ConfigError        fix the configuration or the command line        exit 2
    ├── SourceUnavailable  the source did not answer: retry later           exit 3
    ├── SourceRejected     the source said no: fix access, do not retry     exit 3
    ├── StoreError         the evidence store failed                        exit 3
    ├── IntegrityError     bytes differ from what was recorded: page someone exit 1
    └── ControlError       a control's definition is broken (not failing)   exit 2

A message says what was asked, what was found, and what is valid; `next_step` says what a person does now.
A failing control is data, never an exception.
"""

from __future__ import annotations


class EvidenceError(Exception):
    """Root of everything this product raises for a foreseeable cause.

    Args:
        message: what was asked, what was found, what is valid.
        next_step: what a person should do now; one sentence.
    """

    exit_code = 2
    retryable = False

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class ConfigError(EvidenceError):
    """The configuration or the command line is wrong."""


class ControlError(EvidenceError):
    """A control's definition is broken; says nothing about the control's result."""


class SourceUnavailable(EvidenceError):  # noqa: N818 - the name states the state, as the tree above shows
    """A source did not answer, or asked us to wait: trying again helps."""

    exit_code = 3
    retryable = True


class SourceRejected(EvidenceError):  # noqa: N818 - as above
    """A source refused the request: trying again does not help."""

    exit_code = 3


class StoreError(EvidenceError):
    """The evidence store failed or refused; nothing half-written counts as stored."""

    exit_code = 3


class IntegrityError(EvidenceError):
    """Stored bytes differ from what a receipt, a manifest or the log recorded."""

    exit_code = 1
