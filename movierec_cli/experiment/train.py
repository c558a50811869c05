"""The main job, from top to bottom: load → split → train or load each model → evaluate → compare.

`train` returns the study and the runs behind it; the command then writes the page, prints and recommends.
`evaluate_saved` does the same for models that are saved already: it takes the same steps, but trains nothing
except baselines that are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from movierec_cli.config import DEFAULT_TOP_K, TrainerConfig
from movierec_cli.experiment.comparison import compare_runs, headline_metric
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trainer import MovieLensTrainer
from movierec_cli.experiment.user_lists import ListRequest, lists_of
from movierec_cli.leakage.data_checks import check_data
from movierec_cli.models.trained import TrainingObserver
from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class Trained:
    """What the main job returns."""

    runs: tuple[Run, ...]  # in the order of the feature sets and their seeds, then the baselines
    study: Study


def train(
    config: TrainerConfig,
    observer: TrainingObserver | None = None,
    *,
    ks: Sequence[int] = DEFAULT_TOP_K,
    lists: ListRequest | None = None,
) -> Trained:
    """Trains or loads a model for each feature set and task weights, evaluates and compares them.

    Args:
        config: the feature sets, the data and all settings.
        observer: told of the progress.
        ks: the k of the top-k accuracies.
        lists: to whom the models recommend.

    Raises:
        MovierecError: the data cannot be had, lacks a feature or a user, or cannot be split; a training
            diverged; or a saved model's folder is damaged.
        UsageError: every k is as large as the catalogue.
    """
    request = lists or ListRequest()
    trainer = MovieLensTrainer(config, observer)
    data = trainer.data  # loaded and split
    headline_metric(len(data.dataset.movies), ks)  # what cannot work is refused before the training
    request.check(data.source)
    runs = tuple(trainer.run())  # trained or loaded
    ranked, rated = on_own_test(runs)  # evaluated: how each run did on the test set is saved with it
    study = compare_runs(
        data,
        ranked,
        rated=rated,
        findings=check_data(data.dataset, data.split, data.config, config.feature_sets),
        user_lists=lists_of(data.source, runs, request),
        ks=ks,
    )
    return Trained(runs, study)
