"""Whether a result is too good: named findings, each with the flag that mends it."""

from movierec_cli.leakage.data_checks import check_data as check_data
from movierec_cli.leakage.data_checks import run_data_checks as run_data_checks
from movierec_cli.leakage.diagnosis import Diagnosis as Diagnosis
from movierec_cli.leakage.diagnosis import diagnose as diagnose
from movierec_cli.leakage.finding import Checked as Checked
from movierec_cli.leakage.finding import Finding as Finding
from movierec_cli.leakage.finding import Severity as Severity
from movierec_cli.leakage.vocabulary_checks import check_run as check_run
from movierec_cli.leakage.vocabulary_checks import check_vocabularies as check_vocabularies
from movierec_cli.leakage.vocabulary_checks import unchecked as unchecked
