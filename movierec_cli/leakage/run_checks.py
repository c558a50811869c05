"""Whether a saved model was fitted on its training part alone, as far as that can be told with these data."""

from __future__ import annotations

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.leakage.finding import Finding
from movierec_cli.leakage.vocabulary_checks import check_vocabularies
from movierec_cli.registry.store import Run


def check_run(run: Run, dataset: Dataset, split: Split) -> tuple[Finding, ...]:
    """What of a saved model was fitted on other rows than `split.train`: one finding a feature.

    movie_length is left out where the data set has not the lengths that the model saw: what was fitted to
    other lengths would look as if it had been fitted to other rows.

    Args:
        run: of a model with features.
        dataset: the run's, as it was split for it.
        split: the run's.

    Raises:
        MovierecError: the run is damaged, or the data set lacks a feature's columns.
    """
    feature_set = run.record.config.feature_set
    if not _has_lengths_of(run, dataset):
        feature_set = feature_set.without_lengths
    return check_vocabularies(dataset, split, feature_set, run.artifacts.vocabularies)


def unchecked(run: Run, dataset: Dataset) -> str:
    """What `check_run` leaves out and what to do about it; empty where it checks everything."""
    if _has_lengths_of(run, dataset):
        return ""
    return (
        f"{run.record.name}: what movie_length was fitted on is not checked, as the model saw other lengths"
        " than are at hand; name the --imdb_titles and --movie_lengths of its training"
    )


def _has_lengths_of(run: Run, dataset: Dataset) -> bool:
    return run.record.data.lengths_fingerprint in ("", dataset.lengths_fingerprint)
