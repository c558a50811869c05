"""Everything that can be checked at once: a data set, its split, and the models trained on it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from movierec_cli.config import DEFAULT_FEATURE_SETS, Feature, FeatureSet, SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import MovierecError
from movierec_cli.leakage.data_checks import run_data_checks
from movierec_cli.leakage.finding import Checked, Finding, Severity, leaks_first
from movierec_cli.models.feature_encodings import (
    MIN_TOKEN_MOVIES,
    fit_features,
    require_features,
    told_sets,
    why_not_encoded,
)
from movierec_cli.records import dataclass
from movierec_cli.registry.forget import require_all_users
from movierec_cli.registry.record import DataIdentity
from movierec_cli.registry.store import Problem, Run, list_runs
from movierec_cli.text import counted

_Divide = Callable[[SplitConfig], SplitData]

_SPLITS_KEPT = 2  # the runs of one folder mostly share theirs


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` looked at."""

    data: DataIdentity
    split: str  # how the ratings were divided, as a sentence
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
    dataset: Dataset, config: SplitConfig, feature_sets: Sequence[FeatureSet] | None, saved_models_dir: Path
) -> Diagnosis:
    """Checks a data set under one split, then every saved model of that data under the model's own split.

    Without feature sets, it is checked for the default ones as far as the data set has them.

    Raises:
        MovierecError: the data set lacks a feature, or cannot be split so.
    """
    if feature_sets is None:
        feature_sets, _ = told_sets(dataset, DEFAULT_FEATURE_SETS)
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
    divided = data.summary.sentence(config, dataset.noun)
    found, unusable = (*checked, *fitted), (*unreadable, *problems, *partly)
    return Diagnosis(DataIdentity.of(dataset), divided, found, unusable)


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


def check_run(run: Run, dataset: Dataset, split: Split) -> tuple[Finding, ...]:
    """What of a saved model with features was fitted on other rows than `split.train`: one finding a feature.

    movie_length is left out where the data set has not the lengths that the model saw: what was fitted to
    other lengths would look as if it had been fitted to other rows. So is a feature of a package that is not
    there, and so are those of a model that was started from another: they are as that one had them.

    Raises:
        MovierecError: the run is damaged, or the data set lacks a feature's columns.
    """
    if run.record.config.parent:
        return ()
    feature_set = run.record.config.feature_set
    if not _has_lengths_of(run, dataset):
        feature_set = feature_set.without_lengths
    feature_set = feature_set.without(filter(why_not_encoded, feature_set.features))
    return check_vocabularies(dataset, split, feature_set, run.artifacts.vocabularies)


def unchecked(run: Run, dataset: Dataset) -> str:
    """What `check_run` leaves out and what to do about it; empty where it checks everything."""
    features, parent = run.record.config.feature_set.features, run.record.config.parent
    if parent and features:
        return f"{run.record.name}: its features are those of {parent}, which is checked with its own data"
    reasons = {feature: why for feature in features if (why := why_not_encoded(feature))}
    parts = [f"what {feature} was fitted on is not checked: {why}" for feature, why in reasons.items()]
    if not _has_lengths_of(run, dataset):
        parts.append(
            "what movie_length was fitted on is not checked, as the model saw other lengths than are at hand;"
            " name the --imdb_titles and --movie_lengths of its training"
        )
    return f"{run.record.name}: {'; '.join(parts)}" if parts else ""


def _has_lengths_of(run: Run, dataset: Dataset) -> bool:
    return run.record.data.lengths_fingerprint in ("", dataset.lengths_fingerprint)


SAME_NUMBER = 1e-12
"""Relative difference up to which numbers are one: sums may be taken in another order elsewhere."""


def check_vocabularies(
    dataset: Dataset, split: Split, feature_set: FeatureSet, vocabularies: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """The same of a model by what each of its features was fitted to, as it was saved (plain JSON values).

    Raises:
        MovierecError: the data set lacks a feature's columns, or it cannot be fitted.
    """
    require_features(dataset, feature_set)
    findings = []
    for feature, vocabulary in fit_features(dataset, split.train, feature_set).items():
        if differences := "; ".join(_differences(feature, vocabularies.get(feature), vocabulary)):
            sentence = f"{feature} is not as fitted on the training part alone: {differences}."
            findings.append(Finding("fitted-on-more-than-train", Severity.LEAK, sentence, "--retrain"))
    return tuple(findings)


_MEMBERS = {
    ("movie_title_text", "tokens"): (
        "title word",
        "title words",
        f"fewer than {MIN_TOKEN_MOVIES} training titles",
    ),
    ("movie_genres", "genres"): ("genre", "genres", "nothing in training"),
    ("movie_year", "values"): ("year", "years", "nothing in training"),
    ("bucketized_user_age", "values"): ("age", "ages", "no user in training"),
    ("user_gender", "values"): ("gender", "genders", "no user in training"),
    ("user_occupation", "values"): ("occupation", "occupations", "no user in training"),
}
"""What is a set in a vocabulary, by feature and key; anything else is compared as numbers.

One value, several, and of what those are that do not belong there.
"""

_OF_COLUMNS = {
    "values": ("value", "values", "hardly a row in training"),
    "entries": ("entry", "entries", "hardly a row in training"),
    "hashes": ("word or pair of words", "words and pairs of words", "hardly a text in training"),
    "contexts": ("value", "values", "no rating in training"),
}
"""The same of the data's own columns, by key."""

_NUMBERS = {"first": "users' first ratings", "edges": "bucket edges", "std": "standard deviation"}
"""Words for keys of numbers that do not speak for themselves."""


def _differences(feature: Feature, saved: Any, fitted: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(saved, dict):
        yield "it was saved without a vocabulary"
    elif saved.keys() != fitted.keys():
        yield f"it was saved with {_named(saved)}, and fitting gives {_named(fitted)}"
    else:
        for key, value in fitted.items():
            members = _MEMBERS.get((feature, key)) or (
                _OF_COLUMNS.get(key) if isinstance(value, list) else None
            )
            if members is not None:
                yield from _set_differences(members, saved[key], value)
            else:
                yield from _number_differences(_NUMBERS.get(key, key), saved[key], value)


def _named(vocabulary: Mapping[str, Any]) -> str:
    return ", ".join(sorted(vocabulary)) or "nothing"


def _set_differences(members: tuple[str, str, str], saved: Any, fitted: list[Any]) -> Iterator[str]:
    one, several, where = members
    if not isinstance(saved, list) or any(isinstance(value, dict | list) for value in saved):
        yield f"its {several} are no list of values"
        return
    if n_extra := len(set(saved) - set(fitted)):
        yield f"{counted(n_extra, one, several)} of {where}"
    if n_missing := len(set(fitted) - set(saved)):
        yield f"{counted(n_missing, one, several)} of training left out"


def _number_differences(noun: str, saved: Any, fitted: Any) -> Iterator[str]:
    own, other = _as_numbers(saved), _as_numbers(fitted)
    if own is None or other is None:
        if saved != fitted:
            yield f"its {noun} is {saved!r:.60}, not {fitted!r:.60}"
    elif own.shape != other.shape:
        yield f"{own.size:,} {noun}, not {other.size:,}"
    elif own.ndim == 0:
        if not _same(own, other).all():
            yield f"its {noun} is {float(own):,.2f}, not {float(other):,.2f}"
    elif not (same := _same(own, other)).all():
        yield f"{int((~same).sum()):,} of {same.size:,} {noun} are others"


def _as_numbers(value: Any) -> Any:
    """An array, or None where there is something else than numbers in it."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array if array.dtype.kind in "iuf" else None


def _same(saved: Any, fitted: Any) -> Any:
    return np.isclose(saved, fitted, rtol=SAME_NUMBER, atol=0)
