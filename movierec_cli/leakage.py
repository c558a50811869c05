"""Whether a result is too good: named findings, each with the flag that mends it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """How much a finding takes from the figures."""

    LEAK = "leak"  # the figures are higher than they would be in use
    CAUTION = "caution"  # worth knowing beside the figures


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    name: str  # such as "time-travel", stable: programs may look for it
    severity: Severity
    sentence: str  # what is wrong, with numbers
    remedy: str  # the flag that mends it, such as "--split temporal"; empty where there is none
