"""`movierec train` for models of sequences: what is filled in, what is refused, and what is shown."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields, replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from movierec_cli.cli.app import app
from movierec_cli.cli.parsing.defaults_shown import of_model, of_split, of_training
from movierec_cli.config import (
    DEFAULT_BASELINES,
    Family,
    Feature,
    FeatureSet,
    LossKind,
    Optimizer,
    Schedule,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TrainerConfig,
)
from movierec_cli.config.defaults import PRESETS, Preset, default_settings
from movierec_cli.config.family_checks import check_family
from movierec_cli.experiment import train
from tests.cli import fake_trainer

SEQUENTIAL = (Family.GRU4REC, Family.SASREC)


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


def run(line: str) -> Result:
    return CliRunner().invoke(app, shlex.split(line), prog_name="movierec", env={"COLUMNS": "200"})


def config_of(options: str) -> TrainerConfig:
    """What the main job is asked for; it is not done."""
    asked: list[TrainerConfig] = []

    def catch(config: TrainerConfig, *_: object, **__: object) -> None:
        check_family(config)
        asked.append(replace(config, command=""))
        raise typer.Exit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", catch)
        result = run(f"train {options}")
    assert result.exit_code == 0, result.output
    return asked[0]


@pytest.mark.parametrize("family", SEQUENTIAL)
def test_a_model_without_other_options_is_trained_as_is_usual_for_it(family: Family) -> None:
    config, common = config_of(f"--model {family} --dataset 1m"), default_settings(family)
    assert config == TrainerConfig(
        feature_sets=(FeatureSet((Feature.TIME_GAP,)),),
        split=SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=5),
        family=family,
        sequence=common.sequence,
        training=common.training,
        baselines=(*DEFAULT_BASELINES, Family.IALS),
    )
    assert config.sequence is not None and config.model is None


def test_every_option_of_sequences_reaches_its_field() -> None:
    config = config_of(
        "--model SASRec --max-length 20 --embedding_size 12 --num_layers 3 --num_heads 4 --hidden_size 48"
        " --dropout 0.4 --no-shared_embeddings --no_whole_history --windows --num_negatives 17"
        " --optimizer adagrad --schedule constant --summed_loss --loss gbce"
    )
    assert config.sequence == SequenceConfig(
        max_length=20,
        embedding_size=12,
        num_layers=3,
        num_heads=4,
        hidden_size=48,
        dropout=0.4,
        shared_embeddings=False,
        whole_history=False,
        windows=True,
        num_negatives=17,
        optimizer=Optimizer.ADAGRAD,
        schedule=Schedule.CONSTANT,
        summed_loss=True,
    )
    common = default_settings(Family.SASREC)
    assert config.training == replace(common.training, loss=LossKind.GBCE)
    for field in fields(config.sequence):
        assert getattr(config.sequence, field.name) != getattr(common.sequence, field.name), field.name


@pytest.mark.parametrize("preset", Preset)
def test_a_preset_is_its_own_model_split_and_settings(preset: Preset) -> None:
    config, wanted = config_of(f"--preset {preset}"), PRESETS[preset]
    found = (config.family, config.split, config.feature_sets, config.sequence, config.training)
    assert found == (wanted.family, wanted.split, wanted.feature_sets, wanted.sequence, wanted.training)
    assert config == config_of(f"--preset {preset} --model {wanted.family}")


def test_an_option_beside_a_preset_replaces_its_value_and_no_other() -> None:
    config, wanted = config_of("--preset tfrs-gru --num_epochs 7 --max_length 5"), PRESETS[Preset.TFRS_GRU]
    assert config.training == replace(wanted.training, num_epochs=7)
    assert wanted.sequence is not None and config.sequence == replace(wanted.sequence, max_length=5)
    other = config_of("--preset tfrs-gru --split leave-last --min_rating 0").split
    assert other == replace(wanted.split, kind=SplitKind.LEAVE_LAST, min_rating=0.0)


def test_another_split_has_its_own_usual_core() -> None:
    assert config_of("--model sasrec --split temporal").split == SplitConfig(kind=SplitKind.TEMPORAL)
    asked = config_of("--model sasrec --split temporal --k_core 3 --test_fraction 0.1").split
    assert asked == SplitConfig(kind=SplitKind.TEMPORAL, k_core=3, test_fraction=0.1)
    assert config_of("--split leave-last").split == SplitConfig(kind=SplitKind.LEAVE_LAST)


def test_features_of_films_and_of_time_can_be_seen() -> None:
    config = config_of(
        "--model sasrec --additional_feature_sets movie_genres movie_title_text movie_year"
        " --additional_feature_sets time_gap query_time"
    )
    assert config.feature_sets == (
        FeatureSet((Feature.MOVIE_GENRES, Feature.MOVIE_TITLE_TEXT, Feature.MOVIE_YEAR)),
        FeatureSet((Feature.TIME_GAP, Feature.QUERY_TIME)),
    )


REFUSED = {
    "--model sasrec --layer_sizes 64 32": ["--layer_sizes", "SASRec", "--model two-tower"],
    "--model sasrec --l2 3": ["--l2", "SASRec", "--model two-tower"],
    "--model gru4rec --weighting root": ["--weighting", "GRU4Rec", "--model two-tower"],
    "--model sasrec --tasks retrieval rating": ["--tasks", "SASRec", "--model two-tower"],
    "--model sasrec --rating_weight 0.3": ["--rating_weight", "SASRec", "--model two-tower"],
    "--preset tfrs-gru --rating_baselines all": ["--rating_baselines", "GRU4Rec"],
    "--model gru4rec --num_heads 4": ["--num_heads", "GRU4Rec", "--model sasrec"],
    "--max_length 10": ["--max_length", "two towers", "--model gru4rec and --model sasrec"],
    "--model two-tower --windows": ["--windows", "two towers"],
    "--no_shared_embeddings": ["--shared_embeddings", "two towers"],
    "--schedule constant": ["--schedule", "two towers"],
    "--optimizer adam": ["--optimizer", "two towers"],
    "--loss gbce": ["--loss gbce", "--model two-tower", "catalogue, in-batch or in-batch-corrected"],
    "--loss sampled --num_negatives 9": ["--num_negatives", "two towers"],
    "--model sasrec --loss catalogue --num_negatives 9": [
        "--num_negatives is 9",
        "--loss catalogue",
        "sampled or gbce",
    ],
    "--model sasrec --loss in-batch": ["--loss in-batch", "--windows"],
    "--model sasrec --split random": ["--split random", "SASRec", "--split leave-last", "--split windows"],
    "--preset tfrs-gru --split random": ["--split random", "GRU4Rec", "by lot"],
    "--preset tfrs-gru --model sasrec": ["--preset tfrs-gru", "--model gru4rec", "--model is sasrec"],
    "--model ease": ["--model is 'ease'", "two-tower, gru4rec, sasrec", "--baselines"],
    "--model transformer": ["--model is 'transformer'", "sasrec"],
    "--preset tutorial": ["tutorial", "keras-rs-gru"],
    "--model sasrec --additional_feature_sets timestamp user_age movie_genres": [
        *("SASRec cannot see timestamp or bucketized_user_age", "movie_genres, movie_year, time_gap"),
    ],
    "--additional_feature_sets query_time": ["two towers cannot see query_time", "--model two-tower"],
    "--model sasrec --embedding_size 33": ["--embedding_size 33", "--num_heads 2"],
    "--model sasrec --num_layers 0": ["--num_layers is 0"],
    "--model sasrec --rank_by rating": ["--rank_by rating needs models that predict ratings"],
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_says_nothing_to_a_model_is_refused_before_any_work(options: str) -> None:
    result = run(f"train {options}")
    assert result.exit_code == 2, result.output
    text = " ".join(result.stderr.replace("│", " ").split())
    assert all(words in text for words in REFUSED[options]), text
    assert "Traceback" not in result.output and fake_trainer.configs == []
    assert not Path("saved_models").exists()


def test_a_width_that_heads_cannot_share_is_no_matter_to_recurrent_units() -> None:
    sequence = config_of("--model gru4rec --embedding_size 33").sequence
    assert sequence is not None and sequence.embedding_size == 33


def test_models_of_sequences_stand_beside_baselines_and_recommend() -> None:
    result = run(
        "train --model sasrec --k_core 0 --generate_recommendations_for_user 1 --additional_feature_sets None"
        " --additional_feature_sets movie_genres --seeds 2"
    )
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    for label in ("SASRec × 2 seeds", "SASRec + movie_genres", "popularity", "EASE", "iALS", "ndcg@10"):
        assert label in text, label
    assert "Recommended with: SASRec + movie_genres" in text
    assert "recall is the hit rate (HR)" in text
    assert "[1/7] SASRec, seed 42: epoch 5, loss" in " ".join(result.stderr.split())
    assert "validation NDCG@10 0.0500" in " ".join(result.stderr.split())
    assert Path("movierec.html").exists()


def test_the_document_says_which_family_each_run_is_of() -> None:
    document = json.loads(run("train --model gru4rec --k_core 0 --json --quiet").stdout)
    configs = [one["record"]["config"] for one in document["runs"]]
    assert [config["family"] for config in configs] == ["gru4rec", "popularity", "ease", "ials"]
    assert configs[0]["model"] is None and configs[0]["sequence"]["num_layers"] == 1
    assert document["study"]["models"][0]["label"] == "GRU4Rec + time_gap"


def test_the_help_shows_the_usual_value_of_each_model() -> None:
    towers, gru, sasrec = (
        default_settings(),
        default_settings(Family.GRU4REC),
        default_settings(Family.SASREC),
    )
    assert towers.model is not None and gru.sequence is not None and sasrec.sequence is not None
    assert of_model("num_heads") == f"sasrec: {sasrec.sequence.num_heads}"
    assert of_model("hidden_size") == (
        f"gru4rec: {gru.sequence.hidden_size}; sasrec: {sasrec.sequence.hidden_size}"
    )
    assert of_model("layer_sizes") == "128 64; temporal: 64"
    assert of_split("k_core") == "0; gru4rec leave-last, sasrec leave-last: 5"
    assert of_split("kind") == "random; gru4rec, sasrec: leave-last"
    assert of_training("refit") == "refit; gru4rec, sasrec: no_refit"
    as_windows = default_settings(Family.SASREC, SplitKind.WINDOWS).sequence
    assert as_windows is not None
    assert of_model("max_length") == (
        f"gru4rec, sasrec: {sasrec.sequence.max_length}; gru4rec windows, sasrec windows:"
        f" {as_windows.max_length}"
    )
    text = " ".join(run("train --help").stdout.replace("│", " ").split())
    assert of_model("dropout") in text and of_split("kind") in text and of_model("max_length") in text


def test_every_field_of_a_sequence_has_an_option() -> None:
    text = run("train --help").stdout
    assert [field.name for field in fields(SequenceConfig) if f"--{field.name}" not in text] == []


def test_the_shell_completes_models_and_presets() -> None:
    shell = {"_MOVIEREC_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    for option, offered in (("--model", {"sasrec"}), ("--preset", {"tfrs-gru", "keras-rs-gru"})):
        line = f"movierec train {option} {'s' if option == '--model' else ''}"
        result = CliRunner().invoke(app, [], prog_name="movierec", env=shell | {"COMP_WORDS": line})
        assert set(result.stdout.split()) == offered
