import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from movierec_cli.config import FEATURES, DataConfig, Family, FeatureSet, SplitConfig, SplitKind
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.data.split_data import restrict
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.registry import store
from movierec_cli.registry.record import DataIdentity, RunConfig, run_name
from movierec_cli.registry.store import Run
from tests.cli.running import run, words
from tests.saved_runs import baseline_parts, run_artifacts, run_outcome, run_record, save_run

SEEN = FeatureSet((FEATURES["timestamp"], FEATURES["movie_title_text"]))
OWN_SPLIT = SplitConfig(kind=SplitKind.LEAVE_LAST, min_rating=1.5)
MODELS = Path("saved_models")

of_films = partial(run, "doctor", "--archive", "films.zip")
doctor = partial(of_films, "--additional_feature_sets", "timestamp", "movie_genres")


@pytest.fixture(autouse=True)
def _films(own_folder: Path, make_archive: Callable[..., Path]) -> None:
    """A data set of the user's own: 12 users, 15 movies, 96 ratings."""
    make_archive("csv", name="films").rename("films.zip")


def save(split: SplitConfig, *, on_validation: bool = False) -> Run:
    """Saves a model of the films, fitted on train alone or on validation as well."""
    dataset = load_dataset(DataConfig(archive=Path("films.zip")))
    counting = restrict(dataset, min_rating=split.min_rating, k_core=split.k_core)
    parts = split_ratings(counting.ratings, split)
    fitted = fit_features(counting, parts.fit if on_validation else parts.train, SEEN)
    config = replace(run_record().config, split=split, feature_set=SEEN)
    data = DataIdentity.of(dataset)
    record = replace(run_record(), config=config, data=data, name=run_name(config, data))
    vocabularies = {str(feature): vocabulary for feature, vocabulary in fitted.items()}
    return save_run(MODELS, record, replace(run_artifacts(), vocabularies=vocabularies))


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code in (0, 1), result.output
    return dict(json.loads(result.stdout))


def names(findings: list[dict[str, str]]) -> list[str]:
    return [finding["name"] for finding in findings]


def test_findings_come_with_severity_sentence_and_remedy_and_strict_makes_a_leak_an_exit_code() -> None:
    result = doctor()
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("CSV: read ratings.csv") and result.stderr.count("\n") == 1
    report = words(result.stdout)
    assert "leak time-travel" in report
    assert "of 19 test ratings" in report and "timestamp sees the time" in report
    assert "Remedy: --split temporal" in report
    assert re.search(r"caution few-test-users \d+ users with training ratings can be tested on", report)
    assert "ok No two movies share a title." in report
    strict = doctor("--strict")
    assert (strict.exit_code, strict.stdout) == (1, result.stdout)
    caution = of_films("--strict", "--additional_feature_sets=None", "--additional_feature_sets=movie_year")
    assert caution.exit_code == 0 and "caution random-split" in words(caution.stdout)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_report_folds_to_the_terminals_width(width: int) -> None:
    result = doctor(width=width)
    assert max(map(len, result.stdout.splitlines())) <= width
    assert "the model learns from ratings given after those it is tested on." in words(result.stdout)


def test_json_has_what_was_checked_findings_and_problems() -> None:
    (MODELS / "foreign").mkdir(parents=True)
    result = doctor("--json", "--strict")
    content = document(result)
    assert result.exit_code == 1
    assert list(content) == ["schema_version", "data", "checked", "findings", "problems"]
    assert content["data"]["name"] == "films"
    assert names(content["findings"]) == ["time-travel", "few-test-users"]
    assert all(set(item) == {"name", "severity", "sentence", "remedy"} for item in content["findings"])
    assert [item["severity"] for item in content["findings"]] == ["leak", "caution"]
    assert [Path(item["folder"]).name for item in content["problems"]] == ["foreign"]
    assert "foreign" in result.stderr
    clean = {name for item in content["checked"] if item["clean"] for name in item["names"]}
    assert clean == {"equal-times", "test-in-train", "users-collide", "titles-collide"}
    assert all(set(item) == {"names", "clean", "sentence"} for item in content["checked"])


def test_the_split_asked_for_is_checked() -> None:
    temporal = document(doctor("--split", "temporal", "--json"))
    assert "time-travel" not in names(temporal["findings"])
    stars = load_dataset(DataConfig(archive=Path("films.zip"))).ratings.rating
    n_kept = (stars >= 2.5).sum()
    assert 0 < n_kept < len(stars)
    random = document(doctor("--test_fraction", "0.5", "--min_rating", "2.5", "--json"))
    assert f" of {round(n_kept / 2)} test ratings" in random["findings"][0]["sentence"]


def test_saved_models_of_the_data_are_checked_and_a_damaged_one_is_a_problem() -> None:
    data = save(SplitConfig()).record.data
    damaged = save(OWN_SPLIT)
    config = RunConfig(family=Family.POPULARITY, split=SplitConfig())  # of which nothing was fitted
    baseline = replace(run_record(), config=config, data=data, name=run_name(config, data))
    store.save_run(MODELS, baseline, baseline_parts(run_outcome(), run_artifacts(), Family.POPULARITY))
    save_run(MODELS, run_record("timestamp"), run_artifacts())  # of other data
    content = document(doctor("--json"))
    assert "fitted-on-more-than-train" not in names(content["findings"]) and content["problems"] == []
    sentences = [item["sentence"] for item in content["checked"] if item["clean"]]
    assert "2 saved models of this data set: nothing was fitted on more than train." in sentences
    (damaged.folder / "artifacts.npz").write_text("{}")
    result = doctor()
    assert result.exit_code == 0
    assert damaged.record.name in result.stderr and "artifacts.npz" in result.stderr
    assert "1 saved model of this data set" in words(result.stdout)


def test_a_saved_model_fitted_on_validation_is_named() -> None:
    saved = save(OWN_SPLIT, on_validation=True)
    result = doctor("--split", "temporal", "--json", "--strict")
    (finding,) = (item for item in document(result)["findings"] if item["severity"] == "leak")
    assert finding["name"] == "fitted-on-more-than-train"
    assert finding["sentence"].startswith(
        f"{saved.record.name}: timestamp is not as fitted on the training part"
    )
    assert finding["remedy"] == "--retrain"
    assert result.exit_code == 1


def test_a_feature_that_the_data_lack_is_refused() -> None:
    result = of_films("--additional_feature_sets", "user_gender")
    assert (result.exit_code, result.stdout) == (1, "") and "user_gender" in result.stderr


def test_the_sample_has_the_leak_of_its_split_only() -> None:
    content = document(run("doctor --dataset sample --additional_feature_sets timestamp movie_genres --json"))
    assert names(content["findings"]) == ["time-travel"] and content["problems"] == []
