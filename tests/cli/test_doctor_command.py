import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from movierec_cli.cli.commands.doctor import doctor_command
from movierec_cli.cli.parsing.variadic import Command
from movierec_cli.config import FEATURES, DataConfig, Family, FeatureSet, SplitConfig, SplitKind
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.data.split_data import restrict
from movierec_cli.errors import MovierecError
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.registry import store
from movierec_cli.registry.record import DataIdentity, RunConfig, run_name
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run
from tests.cli.running import words
from tests.saved_runs import run_artifacts, run_outcome, run_record, save_run

FEATURES = FeatureSet((FEATURES["timestamp"], FEATURES["movie_title_text"]))
OWN_SPLIT = SplitConfig(kind=SplitKind.LEAVE_LAST, min_rating=1.5)

program = typer.Typer()
program.command("doctor", cls=Command)(doctor_command)


@pytest.fixture
def archive(make_archive: Callable[..., Path]) -> Path:
    """A data set of the user's own: 12 users, 15 movies, 96 ratings."""
    return make_archive("csv", name="films")


@pytest.fixture
def doctor(archive: Path, tmp_path: Path) -> Callable[..., Any]:
    """doctor("--strict") runs it on the archive, with timestamp where no features are named."""
    folders = ["--datasets_dir", str(tmp_path / "datasets"), "--saved_models_dir", str(tmp_path / "models")]

    def run(*args: str, width: int = 100) -> Any:
        data = [] if "--dataset" in args else ["--archive", str(archive)]
        named = "--additional_feature_sets" in args
        sets = [] if named else ["--additional_feature_sets", "timestamp", "movie_genres"]
        return CliRunner().invoke(program, [*data, *folders, *sets, *args], env={"COLUMNS": str(width)})

    return run


@pytest.fixture
def save(archive: Path, tmp_path: Path) -> Callable[..., Run]:
    """save(split) saves a model of the archive's data, fitted on train alone or on validation as well."""

    def save_fitted(split: SplitConfig, *, on_validation: bool = False) -> Run:
        dataset = load_dataset(DataConfig(archive=archive, datasets_dir=tmp_path / "datasets"))
        counting = restrict(dataset, min_rating=split.min_rating, k_core=split.k_core)
        parts = split_ratings(counting.ratings, split)
        fitted = fit_features(counting, parts.fit if on_validation else parts.train, FEATURES)
        config = replace(run_record().config, split=split, feature_set=FEATURES)
        data = DataIdentity.of(dataset)
        record = replace(run_record(), config=config, data=data, name=run_name(config, data))
        vocabularies = {str(feature): vocabulary for feature, vocabulary in fitted.items()}
        return save_run(tmp_path / "models", record, replace(run_artifacts(), vocabularies=vocabularies))

    return save_fitted


def archive_ratings(archive: Path) -> list[list[float]]:
    with zipfile.ZipFile(archive) as zipped:
        member = next(name for name in zipped.namelist() if name.endswith("ratings.csv"))
        lines = zipped.read(member).decode().splitlines()[1:]
    return [[float(field) for field in line.split(",")] for line in lines]


def document(result: Any) -> dict[str, Any]:
    assert result.exit_code in (0, 1), result.output
    return dict(json.loads(result.stdout))


def names(findings: list[dict[str, str]]) -> list[str]:
    return [finding["name"] for finding in findings]


def test_findings_come_with_severity_sentence_and_remedy(doctor: Callable[..., Any]) -> None:
    result = doctor()
    assert result.exit_code == 0, result.output
    report = words(result.stdout)
    assert "leak time-travel" in report
    assert "of 19 test ratings" in report and "timestamp sees the time" in report
    assert "Remedy: --split temporal" in report
    assert re.search(r"caution few-test-users \d+ users with training ratings can be tested on", report)
    assert "ok No two movies share a title." in report
    assert result.stderr == ""


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_report_folds_to_the_terminals_width(doctor: Callable[..., Any], width: int) -> None:
    result = doctor(width=width)
    assert max(map(len, result.stdout.splitlines())) <= width
    assert "the model learns from ratings given after those it is tested on." in words(result.stdout)


def test_only_strict_makes_a_leak_an_exit_code(doctor: Callable[..., Any]) -> None:
    assert doctor("--strict").exit_code == 1
    assert doctor("--strict").stdout == doctor().stdout
    caution = doctor(
        "--strict", "--additional_feature_sets", "None", "--additional_feature_sets", "movie_year"
    )
    assert caution.exit_code == 0
    assert "caution random-split" in words(caution.stdout)


def test_json_has_what_was_checked_findings_and_problems(doctor: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "models" / "foreign").mkdir(parents=True)
    result = doctor("--json", "--strict")
    content = document(result)
    assert result.exit_code == 1
    assert list(content) == ["checked", "findings", "problems"]
    assert names(content["findings"]) == ["time-travel", "few-test-users"]
    assert all(set(item) == {"name", "severity", "sentence", "remedy"} for item in content["findings"])
    assert [item["severity"] for item in content["findings"]] == ["leak", "caution"]
    assert [Path(item["folder"]).name for item in content["problems"]] == ["foreign"]
    assert "foreign" in result.stderr
    clean = {name for item in content["checked"] if item["clean"] for name in item["names"]}
    assert clean == {"test-in-train", "users-collide", "titles-collide"}
    assert all(set(item) == {"names", "clean", "sentence"} for item in content["checked"])


def test_the_split_asked_for_is_checked(doctor: Callable[..., Any], archive: Path) -> None:
    temporal = document(doctor("--split", "temporal", "--json"))
    assert "time-travel" not in names(temporal["findings"])
    ratings = archive_ratings(archive)
    n_kept = sum(stars >= 2.5 for _, _, stars, _ in ratings)
    assert 0 < n_kept < len(ratings)
    random = document(doctor("--test_fraction", "0.5", "--min_rating", "2.5", "--json"))
    assert f" of {round(n_kept / 2)} test ratings" in random["findings"][0]["sentence"]


def test_saved_models_that_are_clean_are_counted(
    doctor: Callable[..., Any], save: Callable[..., Run]
) -> None:
    save(SplitConfig())
    save(OWN_SPLIT)
    content = document(doctor("--json"))
    assert "fitted-on-more-than-train" not in names(content["findings"])
    sentences = [item["sentence"] for item in content["checked"] if item["clean"]]
    assert "2 saved models of this data set: nothing was fitted on more than train." in sentences


def test_a_saved_model_fitted_on_validation_is_named(
    doctor: Callable[..., Any], save: Callable[..., Run]
) -> None:
    run = save(OWN_SPLIT, on_validation=True)
    result = doctor("--split", "temporal", "--json", "--strict")
    (finding,) = (item for item in document(result)["findings"] if item["severity"] == "leak")
    assert finding["name"] == "fitted-on-more-than-train"
    assert finding["sentence"].startswith(
        f"{run.record.name}: timestamp is not as fitted on the training part"
    )
    assert finding["remedy"] == "--retrain"
    assert result.exit_code == 1


def test_models_of_other_data_are_left_alone(doctor: Callable[..., Any], tmp_path: Path) -> None:
    save_run(tmp_path / "models", run_record("timestamp"), run_artifacts())
    content = document(doctor("--json"))
    checked = [name for item in content["checked"] for name in item["names"]]
    assert content["problems"] == [] and "fitted-on-more-than-train" not in checked


def test_a_baseline_has_nothing_that_was_fitted(
    doctor: Callable[..., Any], save: Callable[..., Run], tmp_path: Path
) -> None:
    data = save(SplitConfig()).record.data
    config = RunConfig(family=Family.POPULARITY, split=SplitConfig())
    baseline = replace(run_record(), config=config, data=data, name=run_name(config, data))
    store.save_run(tmp_path / "models", baseline, RunParts(outcome=run_outcome()))
    content = document(doctor("--json"))
    assert content["problems"] == []
    assert any(item["sentence"].startswith("1 saved model of this") for item in content["checked"])


def test_a_damaged_model_is_a_problem_and_the_others_are_checked(
    doctor: Callable[..., Any], save: Callable[..., Run]
) -> None:
    damaged, _ = save(SplitConfig()), save(OWN_SPLIT)
    (damaged.folder / "artifacts.npz").write_text("{}")
    result = doctor()
    assert result.exit_code == 0
    assert damaged.record.name in result.stderr and "artifacts.npz" in result.stderr
    assert "1 saved model of this data set" in words(result.stdout)


def test_a_feature_that_the_data_lack_is_refused(doctor: Callable[..., Any]) -> None:
    result = doctor("--additional_feature_sets", "user_gender")
    assert isinstance(result.exception, MovierecError)
    assert "user_gender" in str(result.exception)


def test_the_sample_has_the_leak_of_its_split_only(doctor: Callable[..., Any]) -> None:
    content = document(doctor("--dataset", "sample", "--json"))
    assert names(content["findings"]) == ["time-travel"]
    assert content["problems"] == []
