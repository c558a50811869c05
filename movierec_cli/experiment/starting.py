"""`--start_from`: what of a saved model decides the training that goes on from it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family, FeatureSet, ModelConfig, TrainerConfig, TrainingConfig
from movierec_cli.config.families import TRAINABLE
from movierec_cli.config.filled_settings import changed
from movierec_cli.config.train_options import Given
from movierec_cli.data.dataset import IdIndex
from movierec_cli.data.split_data import SplitData
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.forget import require_all_users
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run, find_named
from movierec_cli.text import listed

_FREE = frozenset(
    ("dropout", "dropout_places", "l2", "feature_l2", "whole_history", "windows", "num_negatives", "schedule")
)
"""Settings of a model that say nothing of the shapes of its weights, and so may change."""


def parts_from(given: Given) -> dict[str, Any]:
    """The fields of a `TrainerConfig` that a saved model decides, with the options that are given beside it.

    Raises:
        MovierecError: there is no such model, or it cannot be trained on.
        UsageError: an option contradicts it.
    """
    parent = parent_of(given["start_from"], given.get("saved_models_dir") or TrainerConfig.saved_models_dir)
    config = parent.record.config
    assert config.model is not None and config.training is not None  # it is trained
    for option in ("preset", "tasks"):
        if option in given:
            raise UsageError(
                f"--{option} does not go with --start_from, whose model has its own; leave it out"
            )
    if given.get("cluster") is not None:
        raise UsageError(
            "--start_from reads a saved model, which a --cluster may not have; leave --cluster out"
        )
    family, sets = given.get("family"), given.get("additional_feature_sets")
    parts: dict[str, Any] = {
        "family": config.family if family is None else family,
        "feature_sets": (config.feature_set,) if sets is None else sets,
        "model": changed(config.model, given),
        "training": changed(replace(config.training, seed=TrainingConfig.seed), given),
        "start_from": parent.record.name,
    }
    if "split" not in given:
        parts |= {"split": changed(replace(config.split, fold=0), given), "split_of_data": None}
    require_same(parent, parts["family"], parts["feature_sets"], parts["model"])
    return parts


def parent_of(name: str, directory: Any) -> Run:
    """A saved model that can be trained on.

    Raises:
        MovierecError: there is none of this name, or it cannot; says which models can.
    """
    parent = find_named(directory, name)
    require_all_users([parent.record])
    family = parent.record.config.family
    if not family.spec.can_start:
        others = [one.label for one in TRAINABLE if one.spec.can_start]
        raise MovierecError(
            f"--start_from {parent.record.name}: a model of the kind {family.label} cannot be trained on with"
            f" other data; {listed(others, 'or')} can"
        )
    return parent


def require_same(
    parent: Run, family: Family, feature_sets: tuple[FeatureSet, ...] | None, model: ModelConfig | None
) -> None:
    """Refuses another kind of model than the parent is.

    Raises:
        UsageError: names the option.
    """
    name, config = parent.record.name, parent.record.config
    if family is not config.family:
        raise UsageError(
            f"--family is {family}, and --start_from {name} is {config.family}; leave --family out, or train"
            " anew"
        )
    for one in feature_sets or ():
        if set(one.features) != set(config.feature_set.features):
            raise UsageError(
                f"--additional_feature_sets has {one.label}, and --start_from {name} sees"
                f" {config.feature_set.label}; leave it out, or train anew"
            )
    for field in fields(config.model) if model is not None else ():  # type: ignore[arg-type]
        own, asked = getattr(config.model, field.name), getattr(model, field.name)
        if field.name not in _FREE and own != asked:
            raise UsageError(
                f"--{field.name} is {_shown(asked)}, and the weights of --start_from {name} are of"
                f" {_shown(own)}; leave it out, or train anew"
            )


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def started(configs: list[RunConfig], parent: Run) -> list[RunConfig]:
    """Those of trained models with their parent."""
    return [
        replace(one, parent=parent.record.name, feature_set=parent.record.config.feature_set)
        if one.family.is_trained
        else one
        for one in configs
    ]


def require_unlearned(data: SplitData, parent: Run, observer: TrainingObserver) -> None:
    """Refuses to test a model on ratings that its parent has learned; notes it of validation ratings.

    Raises:
        MovierecError: says how many there are.
    """
    learned, name = _learned_pairs(parent), parent.record.name
    known = {part: np.isin(_pairs(data, parent, rows), learned) for part, rows in _held_out(data).items()}
    if n := int(known["test"].sum()):
        judged = parent.record.judged
        other = f", or start from {judged.name}, which has not learned its test ratings" if judged else ""
        raise MovierecError(
            f"--start_from {name} has learned {n:,} of the {len(known['test']):,} test ratings of this split,"
            " so its figures would be of what it knows; hold out newer ones than it learned:"
            f" --split leave-last or temporal{other}"
        )
    if n := int(known["validation"].sum()):
        observer.noted(
            f"{name} has seen {n:,} of {len(known['validation']):,} validation ratings, by which the epoch is"
            " chosen; it has learned none of the test ratings."
        )


def _held_out(data: SplitData) -> dict[str, npt.NDArray[np.int64]]:
    return {"test": data.split.test, "validation": data.split.validation}


def _pairs(data: SplitData, parent: Run, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Users and items of some ratings, as numbers among the parent's; -1 where it does not know both."""
    dataset, artifacts = data.dataset, parent.artifacts
    user = IdIndex(artifacts.user_ids).rows(dataset.users.user_id)[dataset.ratings.user_index[rows]]
    movie = IdIndex(artifacts.movie_ids).rows(dataset.movies.movie_id)[dataset.ratings.movie_index[rows]]
    keys: npt.NDArray[np.int64] = user.astype(np.int64) * len(artifacts.movie_ids) + movie
    return np.where((user >= 0) & (movie >= 0), keys, -1)


def _learned_pairs(parent: Run) -> npt.NDArray[np.int64]:
    """All that the parent was given but its test ratings."""
    known, n_movies = parent.user_ratings, len(parent.artifacts.movie_ids)
    owner = np.repeat(np.arange(len(known.starts) - 1), np.diff(known.starts))
    every = owner * n_movies + known.movie
    if parent.record.config.deployed:
        return every
    tested = parent.outcome.user_index.astype(np.int64) * n_movies + parent.outcome.movie_index
    return np.setdiff1d(every, tested)
