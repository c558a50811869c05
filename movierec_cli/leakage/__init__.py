"""Whether a result is too good: named findings, each with the flag that mends it."""

from movierec_cli.leakage.data_checks import check_data, run_data_checks
from movierec_cli.leakage.diagnosis import Diagnosis, diagnose
from movierec_cli.leakage.finding import Checked, Finding, Severity
from movierec_cli.leakage.vocabulary_checks import check_run, check_vocabularies, unchecked

__all__ = [
    "Checked",
    "Diagnosis",
    "Finding",
    "Severity",
    "check_data",
    "check_run",
    "check_vocabularies",
    "diagnose",
    "run_data_checks",
    "unchecked",
]
