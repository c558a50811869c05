"""`movierec train` for models of sequences: what is filled in, what is refused, and what is shown."""

import enum
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import typer

from movierec_cli.config import (
    DEFAULT_BASELINES,
    FEATURES,
    DataConfig,
    Family,
    FeatureSet,
    LossKind,
    Monitor,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
    default_settings,
)
from movierec_cli.config.presets import PRESETS, Preset
from movierec_cli.config.setting import option_name, settings_of
from movierec_cli.config.shown_defaults import default_shown
from movierec_cli.experiment import main_job
from tests.cli.running import check_row, rows, run, words

pytestmark = pytest.mark.usefixtures("fake_trainings")

SEQUENTIAL = (Family.GRU4REC, Family.SASREC, Family.HSTU)


def config_of(options: str) -> TrainerConfig:
    """What the main job is asked for; it is not done."""
    asked: list[TrainerConfig] = []

    def catch(config: TrainerConfig, *_: object, **__: object) -> None:
        asked.append(replace(config, command=""))
        raise typer.Exit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main_job, "train", catch)
        result = run(f"train {options}")
    assert result.exit_code == 0, result.output
    return asked[0]


@pytest.mark.parametrize("family", SEQUENTIAL)
def test_a_model_without_other_options_is_trained_as_is_usual_for_it(family: Family) -> None:
    config, common = config_of(f"--family {family} --dataset 1m"), default_settings(family)
    assert config == TrainerConfig(
        split=SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=5),
        split_of_data=SplitConfig(kind=SplitKind.GIVEN),
        family=family,
        model=common.model,
        training=common.training,
        baselines=(*DEFAULT_BASELINES, Family.IALS),
    )
    assert config.widest_sets == (FeatureSet((FEATURES["time_gap"],)),)
    assert isinstance(config.model, SequenceConfig)


CONFIGS = (TrainerConfig, DataConfig, SplitConfig, TowerConfig, SequenceConfig, TrainingConfig)
SETTINGS = [
    (config, name)
    for config in CONFIGS
    for name in settings_of(config)
    if name != "start_from"  # which fills in others from a saved model: `experiment.test_starting`
]


def another_value(config: type, name: str, usual: Any) -> Any:
    """Some value that a setting can have and that is not the `usual` one of its family."""
    default, hint = getattr(config, name), get_type_hints(config)[name]
    kinds = [hint] if get_origin(hint) is tuple else [one for one in get_args(hint) or [hint] if one]
    if isinstance(kinds[0], type) and issubclass(kinds[0], enum.Enum):
        return next(
            one
            for one in reversed(kinds[0])
            if one not in (usual, LossKind.GBCE, LossKind.SAMPLED, Monitor.LOSS)
        )
    if isinstance(default, int | float):
        return not usual if isinstance(default, bool) else default * 4 or 3
    several = {
        "columns": ("user=5", "item=4"),
        "rating_scale": (4.0, 5.0),
        "feature_kinds": ("budget=number", "cast=list"),
        "item_vectors": (Path("posters.npz"), Path("plots.parquet")),
    }
    if name in several:
        return several[name]
    return {int: 9, float: 2.5, tuple: (5, 4), Path: Path("other"), str: "100k"}[
        get_origin(kinds[0]) or kinds[0]
    ]


@pytest.mark.parametrize(("config", "name"), SETTINGS)
def test_every_setting_has_an_option_that_reaches_its_field(config: type, name: str) -> None:
    base = "--split temporal --family sasrec" if config is SequenceConfig else ""
    base = {"targets": "--split temporal", "members": "--family hybrid"}.get(name, base)
    base += " --additional_feature_sets movie_length" if name in ("imdb_titles", "movie_lengths") else ""
    old = parts_of(base)[config]
    value, option = another_value(config, name, getattr(old, name)), option_name(config, name)
    typed = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    given = f"--{option} {typed}" if not isinstance(value, bool) else f"--{'' if value else 'no_'}{option}"
    assert parts_of(f"{base} {given}")[config] == replace(old, **{name: value})
    assert value != getattr(old, name)


def parts_of(line: str) -> dict[type, Any]:
    one = config_of(line)
    return {type(part): part for part in (one, one.data, one.split, one.model, one.training)}


@pytest.mark.parametrize("preset", Preset)
def test_a_preset_is_its_own_model_split_and_settings(preset: Preset) -> None:
    config, wanted = config_of(f"--preset {preset}"), PRESETS[preset]
    names = ("family", "split", "feature_sets", "model", "other_models", "training", "tasks", "baselines")
    assert {name: getattr(config, name) for name in names} == {name: getattr(wanted, name) for name in names}
    assert config.data.dataset == wanted.dataset
    assert config_of(f"--preset {preset} --dataset sample").data.dataset == "sample"
    assert config == config_of(f"--preset {preset} --family {wanted.family}")


def test_an_option_beside_a_preset_replaces_its_value_and_no_other() -> None:
    config, wanted = config_of("--preset tfrs-gru --num_epochs 7 --max_length 5"), PRESETS[Preset.TFRS_GRU]
    assert config.training == replace(wanted.training, num_epochs=7)
    assert config.model == replace(wanted.model, max_length=5)
    other = config_of("--preset tfrs-gru --split leave-last --min_rating 0").split
    assert other == replace(wanted.split, kind=SplitKind.LEAVE_LAST, min_rating=0.0)


def test_an_option_beside_a_preset_of_several_models_or_weights_is_of_them_all() -> None:
    config = config_of("--preset tfrs-deep --dropout 0.5")
    assert [one.dropout for one in (config.model, *config.other_models)] == [0.5] * 3
    assert config_of("--preset tfrs-multitask --rating_weight 2").tasks == (TaskWeights(rating=2.0),)
    assert config_of("--preset tfrs-multitask --rating_baselines None").rating_baselines == ()
    usual = default_settings(Family.TWO_TOWER).model
    assert config_of("--layer_sizes none --additional_feature_sets None").model == replace(
        usual, layer_sizes=()
    )


def test_what_is_not_given_is_usual_for_the_split_and_the_family() -> None:
    assert config_of("--family sasrec --split temporal").split == SplitConfig(kind=SplitKind.TEMPORAL)
    asked = config_of("--family sasrec --split temporal --k_core 3 --test_fraction 0.1").split
    assert asked == SplitConfig(kind=SplitKind.TEMPORAL, k_core=3, test_fraction=0.1)
    assert config_of("--split leave-last").split == SplitConfig(kind=SplitKind.LEAVE_LAST)
    recurrent = config_of("--family gru4rec --embedding_size 33").model  # there are no heads to share it
    assert recurrent is not None and recurrent.embedding_size == 33


def test_features_of_films_and_of_time_can_be_seen() -> None:
    config = config_of(
        "--family sasrec --additional_feature_sets movie_genres movie_title_text movie_year"
        " --additional_feature_sets time_gap query_time"
    )
    assert config.feature_sets == (
        FeatureSet((FEATURES["movie_genres"], FEATURES["movie_title_text"], FEATURES["movie_year"])),
        FeatureSet((FEATURES["time_gap"], FEATURES["query_time"])),
    )


REFUSED = """
2 | train --processes 2 | is for models of sequences, and two towers | --family gru4rec
2 | train --preset tfrs-gru --processes 2 | --loss in-batch compares all rows | --loss catalogue
2 | train --family sasrec --processes 0 | --processes is 0; it must be 1 to 1,024
2 | train --family sasrec --processes 2 --process_id 1 | --process_id needs --coordinator
2 | train --family sasrec --processes 2 --coordinator a:70 | --coordinator needs --process_id
2 | train --family sasrec --processes 2 --coordinator a --process_id 0 | must be HOST:PORT
2 | train --family sasrec --processes 2 --coordinator a:70 --process_id 2 | it must be 0 to 1
2 | train --family sasrec --layer_sizes 64 32 | --layer_sizes | SASRec | --family two-tower
2 | train --family sasrec --l2 3 | --l2 | SASRec | --family two-tower
2 | train --family gru4rec --weighting root | --weighting | GRU4Rec | --family two-tower
2 | train --family sasrec --tasks retrieval rating | --tasks | SASRec | --family two-tower
2 | train --family sasrec --rating_weight 0.3 | --rating_weight | SASRec | --family two-tower
2 | train --preset tfrs-gru --rating_baselines all | --rating_baselines | GRU4Rec
2 | train --family gru4rec --num_heads 4 | --num_heads | GRU4Rec | --family sasrec
2 | train --family gru4rec --activation gelu | --activation | GRU4Rec | --family sasrec
2 | train --family gru4rec --dropout_places outputs | --dropout_places | GRU4Rec | --family sasrec
2 | train --family hstu --hidden_size 9 | --hidden_size | HSTU | --family gru4rec
2 | train --family hstu --activation gelu | --activation | HSTU | --family sasrec
2 | train --temperature 0.1 | --temperature | two towers
2 | train --family hstu --temperature -1 | --temperature is -1.0; it must be 0 or more
2 | train --family sasrec --activation tanh | tanh | relu | gelu
2 | train --max_length 10 | --max_length | two towers | --family gru4rec, --family sasrec and --family hstu
2 | train --family two-tower --windows | --windows | two towers
2 | train --no_shared_embeddings | --shared_embeddings | two towers
2 | train --schedule constant | --schedule | two towers
2 | train --family sasrec --average_weights | --average_weights | SASRec | --family two-tower
2 | train --layer_sizes none --additional_feature_sets None timestamp | 'None' means no
2 | train --layer_sizes none --additional_feature_sets timestamp | --layer_sizes None | give sizes
2 | train --additional_feature_sets None --layer_sizes none --rating_weight 1 | --layer_sizes None
2 | train --preset tfrs-multitask --loss catalogue | --loss catalogue | of two tasks | --loss in-batch
2 | train --tasks rating --loss in-batch | --loss in-batch | of two tasks | --loss catalogue
2 | train --tasks rating --summed_loss | --summed_loss | the weights say
2 | train --loss gbce | --loss gbce | --family two-tower | catalogue, in-batch or in-batch-corrected
2 | train --loss sampled --num_negatives 9 | --num_negatives | two towers
2 | train --family sasrec --loss in-batch | --loss in-batch | --windows
2 | train --family hybrid --loss in-batch | --loss in-batch | hybrid | catalogue
2 | train --family hybrid --tasks retrieval rating | --tasks | hybrid | --family two-tower
2 | train --members 2 | --members | two towers | --family hybrid
2 | train --family hybrid --members 0 | --members | 1 to 32
2 | train --family hybrid --num_heads 2 | --num_heads | hybrid | --family sasrec
2 | train --family sasrec --split random | --split random | SASRec | --split leave-last | --split windows
2 | train --preset tfrs-gru --split random | --split random | GRU4Rec | that order
2 | train --preset tfrs-gru --family sasrec | --preset tfrs-gru | --family gru4rec | --family is sasrec
2 | train --family ease | --family is 'ease' | two-tower, hybrid, gru4rec, sasrec, hstu | --baselines
2 | train --preset tutorial | tutorial | keras-rs-gru
2 | train --family sasrec --additional_feature_sets timestamp user_age movie_genres \
| SASRec cannot see timestamp or bucketized_user_age | movie_genres, movie_year, time_gap
2 | train --additional_feature_sets query_time | two towers cannot see query_time | --family two-tower
2 | train --family sasrec --embedding_size 33 | --embedding_size 33 | --num_heads 2
2 | train --family sasrec --num_layers 0 | --num_layers is 0
2 | train --family sasrec --rank_by rating --generate_recommendations_for_user 1 \
| --rank_by rating needs models that predict ratings
"""


@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_says_nothing_to_a_model_is_refused_before_any_work(row: str) -> None:
    check_row(row)


def test_models_of_sequences_stand_beside_baselines_and_recommend() -> None:
    result = run(
        "train --family sasrec --k_core 0 --generate_recommendations_for_user 1"
        " --additional_feature_sets None --additional_feature_sets movie_genres --seeds 2"
    )
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    for label in ("SASRec × 2 seeds", "SASRec + movie_genres", "popularity", "EASE", "iALS", "ndcg@10"):
        assert label in text, label
    assert "Recommended with: SASRec + movie_genres" in text
    assert "recall is the hit rate (HR)" in text
    assert "[1/7] SASRec, seed 42: 20 epochs" in " ".join(result.stderr.split())
    assert Path("movierec.html").exists()


def test_the_document_says_which_family_each_run_is_of() -> None:
    document = json.loads(run("train --family gru4rec --k_core 0 --json --quiet").stdout)
    configs = [one["record"]["config"] for one in document["runs"]]
    assert [config["family"] for config in configs] == ["gru4rec", "popularity", "ease", "ials"]
    assert configs[0]["model"]["num_layers"] == 1
    assert document["study"]["models"][0]["label"] == "GRU4Rec + time_gap"


def test_the_help_shows_the_usual_value_of_each_model() -> None:
    gru, sasrec, hstu = (default_settings(family) for family in SEQUENTIAL)
    assert default_shown("num_heads") == f"sasrec: {sasrec.model.num_heads}; hstu: {hstu.model.num_heads}"
    assert default_shown("temperature") == f"gru4rec, sasrec: 0; hstu: {hstu.model.temperature}"
    assert default_shown("hidden_size") == (
        f"gru4rec: {gru.model.hidden_size}; sasrec: {sasrec.model.hidden_size}; sasrec windows: 64"
    )
    assert default_shown("layer_sizes") == "64; with ratings: 128 64"
    assert default_shown("k_core") == "0; gru4rec leave-last, sasrec leave-last, hstu leave-last: 5"
    assert default_shown("split") == "random; gru4rec, sasrec, hstu: leave-last"
    assert default_shown("refit") == (
        "refit; gru4rec, sasrec windows, hstu: no_refit; with ratings: no_refit"
    )
    as_windows = default_settings(Family.SASREC, SplitKind.WINDOWS).model
    assert as_windows is not None
    assert default_shown("max_length") == (
        f"gru4rec, sasrec, hstu: {sasrec.model.max_length}; gru4rec windows, sasrec windows, hstu windows:"
        f" {as_windows.max_length}"
    )
    text = words(run("train --help_all").stdout)
    assert all(default_shown(name) in text for name in ("dropout", "split", "max_length"))
