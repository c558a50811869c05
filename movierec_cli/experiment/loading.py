"""Load: the data set that models are trained or evaluated on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from movierec_cli.config import FEATURES, DataConfig, FeatureSet
from movierec_cli.config.features import feature_names
from movierec_cli.config.settings import Reading
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset, local_archive, name_of_own
from movierec_cli.data.progress import Progress
from movierec_cli.data.running_times.apply import lengths_at_hand, with_lengths
from movierec_cli.data.sources import SOURCES
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.store import Run
from movierec_cli.text import did_you_mean


def load_source(
    config: DataConfig,
    observer: TrainingObserver,
    *,
    feature_sets: Iterable[FeatureSet] = (),
    runs: Sequence[Run] = (),
    read: Callable[[DataConfig, Progress], Dataset] | None = None,
) -> Dataset:
    """Loads a data set; its warnings and notes go to the observer.

    Args:
        config: which data set.
        observer: told of the progress.
        feature_sets: of the models to be trained; lengths are looked up where one of them sees lengths.
        runs: saved models; where one of them sees lengths, these are looked up if nothing must be downloaded.
        read: what reads the data set where it is no file's, see `load_dataset`.

    Raises:
        MovierecError: the data set cannot be had or read, or a file of lengths cannot be used.
        UsageError: a file of lengths is named, and no model sees lengths; or a feature is unknown that only
            one's own data could have.
    """
    feature_sets = tuple(feature_sets)
    _require_known(config, feature_sets)
    is_needed = any(feature_set.needs_lengths for feature_set in feature_sets)
    given = [name for name in ("imdb_titles", "movie_lengths") if getattr(config, name) is not None]
    if given and not is_needed and not any(run.record.config.feature_set.needs_lengths for run in runs):
        raise UsageError(f"--{given[0]} has no effect here: no model sees movie_length; add that feature")
    config = _as_runs_read_it(config, runs)
    source = load_dataset(config, progress=observer.data_loading, with_movie_lengths=is_needed, read=read)
    if read is None:
        archive = config.archive or local_archive(SOURCES[config.dataset], config.datasets_dir)
        source = replace(source, archive=archive)
    own = [run.record for run in runs if run.record.data.fingerprint == source.fingerprint]
    is_seen = any(record.config.feature_set.needs_lengths for record in own)
    if not is_needed and not is_seen and config.imdb_titles is not None:
        observer.warned("--imdb_titles has no effect here: no model sees movie_length")
    if not is_needed and is_seen and lengths_at_hand(source, config):
        source = with_lengths(source, config, observer.data_loading)
    for warning in source.warnings:
        observer.warned(warning)
    for note in source.notes:
        observer.noted(note)
    return source


def _require_known(config: DataConfig, feature_sets: Sequence[FeatureSet]) -> None:
    """Refuses a column of one's own on data that have none, before they are looked for."""
    if config.archive is not None or config.item_vectors:
        return
    for feature in (one for feature_set in feature_sets for one in feature_set.own_columns):
        raise UsageError(
            f"unknown feature '{feature}'{did_you_mean(feature, FEATURES)}; known features:"
            f" {', '.join(feature_names())}, and the columns of your own data (--archive)"
        )


def _as_runs_read_it(config: DataConfig, runs: Sequence[Run]) -> DataConfig:
    """With the options that the data of the newest saved model were read with, where none is given."""
    if config.reading != Reading():
        return config
    name = config.dataset if config.archive is None else name_of_own(config.archive)
    own = [run.record for run in runs if run.record.data.name == name]
    newest = max(own, key=lambda record: record.created_at, default=None)
    return config if newest is None else replace(config, **vars(newest.data.reading))


def data_at_hand(config: DataConfig, runs: Sequence[Run]) -> DataConfig:
    """The data set of the newest saved model, else the one that is configured, or another that lies there.

    Raises:
        MovierecError: the newest model was trained on data that have no name here.
    """
    if runs:
        return data_of([max(runs, key=lambda run: run.record.created_at)], config)
    there = [name for name, one in SOURCES.items() if local_archive(one, config.datasets_dir)]
    return config if config.dataset in there or not there else replace(config, dataset=there[0])


def data_of(runs: Sequence[Run], places: DataConfig) -> DataConfig:
    """The one data set that the runs were trained on.

    Args:
        runs: one or more.
        places: where files are.

    Raises:
        MovierecError: they were trained on several, or on one that has no name here.
    """
    names = sorted({run.record.data.name for run in runs})
    if len(names) > 1:
        raise MovierecError(
            f"the saved models are of {', '.join(names)}; say which with --dataset, or with --archive where"
            " the data is your own"
        )
    if names[0] not in SOURCES:
        raise MovierecError(f"the saved models are of your own data '{names[0]}'; name it with --archive")
    trained = [run for run in runs if run.record.config.family.is_trained]
    merged = {run.record.data.merged_duplicates for run in trained or runs}
    if len(merged) > 1 and not places.merge_duplicates:
        raise MovierecError(
            f"the saved models are of '{names[0]}' with and without --merge_duplicates; say which: --dataset"
            f" {names[0]}, or --merge_duplicates"
        )
    merge = places.merge_duplicates or merged == {True}
    return replace(places, dataset=names[0], archive=None, merge_duplicates=merge)
