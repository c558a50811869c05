"""What a check gives: a finding, or a sentence that says what is clean."""

import enum
from collections.abc import Iterable

from movierec_cli.records import dataclass
from movierec_cli.text import counted


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


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at."""

    names: tuple[str, ...]  # of the findings it can give
    clean: str  # a sentence that holds where nothing was found
    findings: tuple[Finding, ...]

    @property
    def sentence(self) -> str:
        """What was found, or that nothing was."""
        return " ".join(finding.sentence for finding in self.findings) or self.clean


def leaks_first(checked: Iterable[Checked]) -> tuple[Finding, ...]:
    """All that was found, leaks first, else in the order of the checks."""
    found = [finding for check in checked for finding in check.findings]
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.LEAK))


def share(n: int, total: int, noun: str) -> str:
    """Such as "12 of 2,000 test users (0.6 %)"."""
    return f"{n:,} of {counted(total, noun)} ({100 * n / total:.1f} %)"
