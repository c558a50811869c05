"""The command that is printed, given to the real command line, asks for the same runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.config import (
    BASELINES,
    RATING_BASELINES,
    SEQUENTIAL,
    DataConfig,
    Family,
    Feature,
    FeatureSet,
    LossKind,
    ModelConfig,
    Optimizer,
    Schedule,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TrainerConfig,
    TrainingConfig,
    Weighting,
)
from movierec_cli.config.defaults import PRESETS, Preset, default_settings
from movierec_cli.config.family_checks import (
    IN_BATCH_LOSSES,
    SAMPLED_LOSSES,
    SEQUENCE_FEATURES,
    TOWER_FEATURES,
    TOWER_LOSSES,
)
from movierec_cli.experiment import trainer
from movierec_cli.experiment.reproduction import train_command_line
from movierec_cli.experiment.trainer import MovieLensTrainer
from movierec_cli.registry.record import RunConfig
from tests.small_dataset import small_dataset


class Caught(Exception):
    """Ends the command where the work would begin."""


@pytest.fixture(scope="module")
def asked() -> Iterator[list[TrainerConfig]]:
    """What the command line asks trainers for, instead of training."""
    configs: list[TrainerConfig] = []

    def catch(config: TrainerConfig, observer: Any = None) -> None:
        configs.append(config)
        raise Caught

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "MovieLensTrainer", catch)
        yield configs


def configs_of(command: str, asked: list[TrainerConfig]) -> list[TrainerConfig]:
    """What each of the commands joined by && asks for."""
    asked.clear()
    for one in command.split(" && "):
        program, *args = shlex.split(one)
        result = CliRunner().invoke(app, args, prog_name=program)
        assert isinstance(result.exception, Caught), (one, result.output)
    return asked


def asked_runs(config: TrainerConfig) -> list[RunConfig]:
    trainer = MovieLensTrainer(config)
    vars(trainer)["dataset"] = small_dataset()  # whatever `config.data` and `config.split` say
    return trainer.run_configs()


def sets_of(features: Sequence[Feature]) -> st.SearchStrategy[tuple[FeatureSet, ...]]:
    names = st.sets(st.sampled_from(features), max_size=3)
    sets = names.map(lambda chosen: FeatureSet(tuple(chosen)))
    return st.lists(sets, min_size=1, max_size=4, unique=True).map(tuple)


SHARES = st.sampled_from((0.05, 0.1, 0.2, 0.35, 1 / 3))


def splits_of(kinds: Iterable[SplitKind]) -> st.SearchStrategy[SplitConfig]:
    return st.builds(
        SplitConfig,
        kind=st.sampled_from(list(kinds)),
        test_fraction=SHARES,
        validation_fraction=SHARES,
        min_rating=st.sampled_from((0.0, 2.0, 3.5)),
        k_core=st.sampled_from((0, 5)),
    )


DATA = st.builds(
    DataConfig,
    dataset=st.sampled_from(("1m", "100k", "sample")),
    archive=st.sampled_from((None, Path("my films.zip"))),
    imdb_titles=st.sampled_from((None, Path("title.basics.tsv.gz"))),
    movie_lengths=st.sampled_from((None, Path("it's long.csv"))),
    datasets_dir=st.sampled_from((Path("datasets"), Path("../data, here"))),
)
MODELS = st.builds(
    ModelConfig,
    embedding_size=st.sampled_from((8, ModelConfig.embedding_size)),
    layer_sizes=st.sampled_from(((32,), (64, 32, 16), ModelConfig.layer_sizes)),
    dropout=st.sampled_from((0.0, 0.35, ModelConfig.dropout)),
    l2=st.sampled_from((0.0, 1e-7, ModelConfig.l2)),
)


SEQUENCES = st.builds(
    SequenceConfig,
    max_length=st.sampled_from((10, SequenceConfig.max_length)),
    embedding_size=st.sampled_from((32, SequenceConfig.embedding_size)),
    num_layers=st.sampled_from((1, SequenceConfig.num_layers)),
    num_heads=st.sampled_from((1, 4)),
    hidden_size=st.sampled_from((32, 128)),
    dropout=st.sampled_from((0.0, SequenceConfig.dropout)),
    shared_embeddings=st.booleans(),
    whole_history=st.booleans(),
    windows=st.booleans(),
    num_negatives=st.sampled_from((16, SequenceConfig.num_negatives)),
    optimizer=st.sampled_from(Optimizer),
    schedule=st.sampled_from(Schedule),
    summed_loss=st.booleans(),
)


@st.composite
def sequence_trainers(draw: st.DrawFn) -> TrainerConfig:
    """What the command line can ask of a model of sequences."""
    family = draw(st.sampled_from(SEQUENTIAL))
    split = draw(splits_of(kind for kind in SplitKind if kind is not SplitKind.RANDOM))
    common = default_settings(family, split.kind)
    assert common.sequence is not None
    sequence = draw(st.one_of(st.just(common.sequence), SEQUENCES))
    losses = [loss for loss in LossKind if sequence.windows or loss not in IN_BATCH_LOSSES]
    loss = draw(st.sampled_from(losses))
    if loss not in SAMPLED_LOSSES:
        sequence = replace(sequence, num_negatives=common.sequence.num_negatives)
    if family is Family.GRU4REC:
        sequence = replace(sequence, num_heads=common.sequence.num_heads)
    return TrainerConfig(
        feature_sets=draw(st.one_of(st.just(common.feature_sets), sets_of(SEQUENCE_FEATURES))),
        data=draw(DATA),
        split=split,
        family=family,
        sequence=sequence,
        training=TrainingConfig(
            num_epochs=draw(st.sampled_from((3, 5, common.training.num_epochs))),
            loss=loss,
            batch_size=draw(st.sampled_from((4096, 12_800))),
            learning_rate=draw(st.sampled_from((0.1, 0.05, common.training.learning_rate))),
            validation_freq=draw(st.sampled_from((1, common.training.validation_freq))),
            patience=draw(st.sampled_from((0, common.training.patience))),
            refit=common.training.refit,
            seed=draw(st.sampled_from((7, TrainingConfig.seed))),
        ),
        baselines=draw(st.sampled_from(((), (Family.IALS,), common.baselines))),
        n_seeds=draw(st.sampled_from((1, 3))),
    )


@st.composite
def trainings(draw: st.DrawFn) -> TrainingConfig:
    loss = draw(st.sampled_from(TOWER_LOSSES))
    weightings = [None, Weighting.RATINGS, *(Weighting if loss is LossKind.CATALOGUE else [])]
    return TrainingConfig(
        num_epochs=draw(st.sampled_from((7, TrainingConfig.num_epochs))),
        loss=loss,
        weighting=draw(st.sampled_from(weightings)),
        batch_size=draw(st.sampled_from((None, 512))),
        learning_rate=draw(st.sampled_from((0.3, 1e-05, TrainingConfig.learning_rate))),
        validation_freq=draw(st.sampled_from((1, TrainingConfig.validation_freq))),
        patience=draw(st.sampled_from((0, TrainingConfig.patience))),
        refit=draw(st.booleans()),
        seed=draw(st.sampled_from((0, 7, TrainingConfig.seed))),
    )


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[TaskWeights, ...]:
    """Every combination of some weights, as the command line gives them; or none."""
    weights = st.lists(st.sampled_from((0.0, 0.1, 0.3, 1.0, 1e-7)), unique=True, max_size=3)
    of_retrieval, of_rating = draw(weights), draw(weights)
    pairs = [(one, other) for one in of_retrieval for other in of_rating if one or other]
    return tuple(TaskWeights(retrieval=one, rating=other) for one, other in pairs)


TRAINERS = st.builds(
    TrainerConfig,
    feature_sets=sets_of(TOWER_FEATURES),
    data=DATA,
    split=splits_of(SplitKind),
    model=MODELS,
    training=trainings(),
    tasks=sweeps(),
    rating_baselines=st.lists(st.sampled_from(RATING_BASELINES), unique=True, max_size=3).map(tuple),
    baselines=st.lists(st.sampled_from(BASELINES), unique=True, max_size=3).map(tuple),
    n_seeds=st.sampled_from((1, 3)),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(config=st.one_of(TRAINERS, sequence_trainers()))
def test_the_printed_command_asks_for_the_same_runs(
    config: TrainerConfig, asked: list[TrainerConfig]
) -> None:
    runs = asked_runs(config)
    (again,) = configs_of(train_command_line(runs, config.data), asked)
    assert again.data == config.data
    assert asked_runs(again) == runs


def config(*features: str, seed: int = 42, **model: Any) -> RunConfig:
    return RunConfig(
        family=Family.TWO_TOWER,
        split=SplitConfig(),
        feature_set=FeatureSet.parse(features or ["None"]),
        model=ModelConfig(**model),
        training=TrainingConfig(seed=seed).resolved(SplitKind.RANDOM),
    )


def baseline(family: Family) -> RunConfig:
    return RunConfig(family=family, split=SplitConfig())


def joint(*features: str, retrieval: float = 1.0, rating: float = 0.3, **options: Any) -> RunConfig:
    weights = TaskWeights(retrieval=retrieval, rating=rating)
    asked = config(*features, **options)
    return replace(asked, family=Family.MULTI_TASK, tasks=weights, model=default_settings(rates=True).model)


def sequence_run(family: Family, *features: str, **changes: Any) -> RunConfig:
    common = default_settings(family)
    run = RunConfig(
        family=family,
        split=common.split,
        feature_set=FeatureSet.parse(features or ["None"]),
        sequence=common.sequence,
        training=common.training,
    )
    return replace(run, **changes)


MIXTURES = {
    "weights that are no combinations": [
        joint(rating=0),
        joint(rating=0.3),
        joint(retrieval=0, rating=1),
        baseline(Family.EASE),
        baseline(Family.BIASED_MF),
    ],
    "one task and two": [config(), joint(), joint("timestamp"), joint(rating=1), config("timestamp", seed=7)],
    "rating baselines without a model that rates": [config(), baseline(Family.GLOBAL_MEAN)],
    "seeds in no order": [config(seed=44), config(seed=42), config(seed=43)],
    "seeds that do not follow one another": [config(seed=42), config(seed=7), config(seed=43)],
    "sets with different seeds": [
        config(seed=42),
        config("timestamp", seed=42),
        config("timestamp", seed=43),
    ],
    "sets of different models": [
        config(),
        config("timestamp"),
        config("timestamp", embedding_size=8),
        baseline(Family.EASE),
    ],
    "models of sequences beside towers": [
        replace(config(), split=SplitConfig(kind=SplitKind.TEMPORAL, k_core=5)),
        *(
            sequence_run(family, *features, split=SplitConfig(kind=SplitKind.TEMPORAL, k_core=5))
            for family in SEQUENTIAL
            for features in ((), ("movie_genres", "time_gap"))
        ),
        replace(baseline(Family.EASE), split=SplitConfig(kind=SplitKind.TEMPORAL, k_core=5)),
    ],
    "in any order": [
        config("timestamp", seed=3),
        baseline(Family.POPULARITY),
        config(seed=2),
        config("timestamp", seed=2, l2=0.0),
        baseline(Family.IALS),
        config("timestamp", seed=2),
        config(seed=3),
    ],
}


@pytest.mark.parametrize("runs", MIXTURES.values(), ids=list(MIXTURES))
def test_runs_that_no_single_command_gives_take_several(
    runs: list[RunConfig], asked: list[TrainerConfig]
) -> None:
    again = configs_of(train_command_line(runs, DataConfig()), asked)
    found = [run for config in again for run in asked_runs(config)]
    if any(run.family in RATING_BASELINES for run in runs) and not any(run.tasks for run in runs):
        found = [run for run in found if run.tasks is None]  # they come with a model
    assert len(found) == len(runs)
    assert set(found) == set(runs)


def test_what_is_as_by_default_is_not_said() -> None:
    runs = [config(), config("timestamp", "movie_genres"), baseline(Family.POPULARITY)]
    assert train_command_line(runs, DataConfig()) == (
        "movierec train --additional_feature_sets None --additional_feature_sets timestamp movie_genres"
        " --baselines popularity"
    )
    temporal = [replace(config(), split=SplitConfig(kind=SplitKind.TEMPORAL))]
    common = default_settings(split=SplitKind.TEMPORAL)
    by_split = [replace(run, training=common.training, model=common.model) for run in temporal]
    assert train_command_line(by_split, DataConfig()) == (
        "movierec train --split temporal --additional_feature_sets None --baselines None"
    )
    assert "--weighting ratings" in train_command_line(temporal, DataConfig())


def test_of_a_model_of_sequences_only_what_is_unusual_is_said() -> None:
    beaten = [replace(baseline(family), split=default_settings(Family.SASREC).split) for family in BASELINES]
    by_default = [one for one in beaten if one.family in default_settings(Family.SASREC).baselines]
    by_default.sort(key=lambda one: default_settings(Family.SASREC).baselines.index(one.family))
    run = replace(sequence_run(Family.SASREC), feature_set=default_settings(Family.SASREC).feature_sets[0])
    assert train_command_line([run, *by_default], DataConfig()) == "movierec train --model sasrec"
    assert run.sequence is not None
    other = replace(run, sequence=replace(run.sequence, max_length=50, shared_embeddings=False))
    temporal = replace(other, split=default_settings(Family.SASREC, SplitKind.TEMPORAL).split)
    assert train_command_line([temporal], DataConfig(dataset="100k")) == (
        "movierec train --model sasrec --dataset 100k --split temporal --max_length 50"
        " --no_shared_embeddings --baselines None"
    )


def test_how_many_negatives_are_drawn_is_not_said_of_a_loss_that_draws_none(
    asked: list[TrainerConfig],
) -> None:
    """A preset would need it said, and then be refused."""
    settings, common = PRESETS[Preset.KERAS_RS_GRU], default_settings(Family.GRU4REC)
    assert settings.sequence is not None and common.sequence is not None
    sequence = replace(settings.sequence, num_negatives=common.sequence.num_negatives)
    run = RunConfig(
        family=settings.family, split=settings.split, sequence=sequence, training=settings.training
    )
    command = train_command_line([run], DataConfig())
    assert "--num_negatives" not in command
    (again,) = configs_of(command, asked)
    assert asked_runs(again) == [run]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_presets_run_is_asked_for_by_its_name(preset: Preset, asked: list[TrainerConfig]) -> None:
    settings = PRESETS[preset]
    run = RunConfig(
        family=settings.family, split=settings.split, sequence=settings.sequence, training=settings.training
    )
    command = train_command_line([run], DataConfig())
    assert command == f"movierec train --preset {preset} --baselines None"
    (again,) = configs_of(command, asked)
    assert asked_runs(again) == [run]
    longer = replace(run, training=replace(settings.training, num_epochs=9))
    assert train_command_line([longer], DataConfig()) == (
        f"movierec train --preset {preset} --num_epochs 9 --baselines None"
    )


def test_baselines_alone_are_asked_for_with_the_default_sets(asked: list[TrainerConfig]) -> None:
    command = train_command_line([baseline(Family.EASE), baseline(Family.IALS)], DataConfig(dataset="100k"))
    assert command == "movierec train --dataset 100k --baselines ease ials"
    (again,) = configs_of(command, asked)
    assert again.baselines == (Family.EASE, Family.IALS)


def test_the_three_experiments_of_one_task_each_and_both_are_one_command(asked: list[TrainerConfig]) -> None:
    runs = [joint(rating=0), joint(rating=1), joint(retrieval=0, rating=1)]
    command = train_command_line(runs, DataConfig(dataset="100k"))
    assert command == (
        "movierec train --dataset 100k --additional_feature_sets None --tasks retrieval rating"
        " --retrieval_weight 1 0 --rating_weight 0 1 --baselines None --rating_baselines None"
    )
    (again,) = configs_of(command, asked)
    assert set(asked_runs(again)) == set(runs)


def test_the_seed_of_the_split_has_no_option_and_is_not_taken_for_the_trainings() -> None:
    other = replace(config(), split=SplitConfig(seed=7))
    assert "--seed" not in train_command_line([other], DataConfig())
