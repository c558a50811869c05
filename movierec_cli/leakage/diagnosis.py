"""Everything that can be checked at once: a data set, its split, and the models trained on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from movierec_cli.config import FeatureSet, SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import MovierecError
from movierec_cli.leakage.data_checks import run_data_checks
from movierec_cli.leakage.finding import Checked, Finding, Severity, leaks_first
from movierec_cli.leakage.vocabulary_checks import check_run, unchecked
from movierec_cli.models.feature_encodings import require_features
from movierec_cli.registry.forget import require_all_users
from movierec_cli.registry.store import Problem, Run, list_runs
from movierec_cli.text import counted

_Divide = Callable[[SplitConfig], SplitData]

_SPLITS_KEPT = 2  # the runs of one folder mostly share theirs


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` looked at."""

    checked: tuple[Checked, ...]
    problems: tuple[Problem, ...]  # folders among the saved models that could not be checked

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, leaks first."""
        return leaks_first(self.checked)

    @property
    def has_leak(self) -> bool:
        """Whether one of them is a leak."""
        return any(finding.severity is Severity.LEAK for finding in self.findings)


def diagnose(
    dataset: Dataset, config: SplitConfig, feature_sets: Sequence[FeatureSet], saved_models_dir: Path
) -> Diagnosis:
    """Checks a data set under one split, then every saved model of that data under the model's own split.

    Raises:
        MovierecError: the data set lacks a feature, or cannot be split so.
    """
    for feature_set in feature_sets:
        require_features(dataset, feature_set)

    @lru_cache(_SPLITS_KEPT)
    def divide(config: SplitConfig) -> SplitData:
        return split_data(dataset, config)

    data = divide(config)
    checked = run_data_checks(data.dataset, data.split, config, feature_sets)
    runs, unreadable = list_runs(saved_models_dir)
    own = [run for run in runs if run.record.data.fingerprint == dataset.fingerprint]
    trained = [run for run in own if run.record.config.family.is_trained]
    fitted, problems = _check_runs(trained, divide)
    partly = [Problem(run.folder, message) for run in trained if (message := unchecked(run, dataset))]
    return Diagnosis((*checked, *fitted), (*unreadable, *problems, *partly))


def _check_runs(runs: Sequence[Run], divide: _Divide) -> tuple[tuple[Checked, ...], list[Problem]]:
    findings: list[Finding] = []
    problems: list[Problem] = []
    for run in runs:
        try:
            require_all_users([run.record])
            data = divide(run.record.config.split)
            found = check_run(run, data.dataset, data.split)
        except MovierecError as error:  # such as a damaged file; the others are still worth a look
            problems.append(Problem(run.folder, str(error)))
        else:
            name = run.record.name
            findings += (replace(finding, sentence=f"{name}: {finding.sentence}") for finding in found)
    n_checked = len(runs) - len(problems)
    if n_checked == 0:
        return (), problems
    clean = f"{counted(n_checked, 'saved model')} of this data set: nothing was fitted on more than train."
    return (Checked(("fitted-on-more-than-train",), clean, tuple(findings)),), problems
