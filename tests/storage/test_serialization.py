import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movierec_cli.config import FEATURES, Family, Feature, FeatureSet, LossKind, TowerConfig, TrainingConfig
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.evaluation.ratings import RatingErrors
from movierec_cli.registry.record import FORMAT_VERSION, RunRecord
from movierec_cli.storage.serialization import canonical_json, decode, encode
from tests.saved_runs import multi_task_config, run_config, run_record, sequence_config

FOLDER = Path("saved_models/some-run")


def reread(record: RunRecord) -> RunRecord:
    return decode(RunRecord, json.loads(json.dumps(encode(record))), folder=FOLDER)


def with_two_tasks() -> RunRecord:
    record = run_record()
    history = tuple(replace(one, ratings=RatingErrors(rmse=0.9, mae=0.7)) for one in record.history)
    return replace(
        record, config=multi_task_config(), history=history, ratings=RatingErrors(rmse=0.91, mae=0.71)
    )


def test_a_record_comes_back_equal() -> None:
    plain = run_record("timestamp", "movie_genres")
    sequential = run_record(config=sequence_config("movie_genres", "time_gap", family=Family.GRU4REC))
    history = tuple(replace(epoch, ndcg=0.1, validation_loss=6.25) for epoch in sequential.history)
    for record in (plain, with_two_tasks(), replace(sequential, history=history)):
        assert reread(record) == record


@given(
    st.sets(st.sampled_from(list(FEATURES.values()))),
    st.sampled_from(list(LossKind)),
    st.floats(1e-12, 1e12),
    st.lists(st.integers(1, 10**6), min_size=1),
    st.text(),
)
def test_any_setting_comes_back_equal(
    features: set[Feature], loss: LossKind, rate: float, sizes: list[int], text: str
) -> None:
    record = run_record()
    config = replace(
        record.config,
        feature_set=FeatureSet(tuple(features)),
        model=TowerConfig(layer_sizes=tuple(sizes)),
        training=TrainingConfig(loss=loss, learning_rate=rate),
    )
    record = replace(record, config=config, created_at=text)
    assert reread(record) == record


def test_the_written_form_of_version_17_does_not_change_by_accident() -> None:
    assert FORMAT_VERSION == 17, "describe the new form below"
    written = encode(run_record("timestamp"))
    assert isinstance(written, dict)
    assert sorted(written) == [
        "best_epoch", "command", "config", "created_at", "data", "epochs_run", "forgotten_users",
        "format_version", "history", "judged", "n_parameters", "name",
        "ratings", "settings", "split_summary", "test", "training_s", "validation_s",
        "versions",
    ]  # fmt: skip
    assert canonical_json(written["data"]) == (
        '{"description":"MovieLens 1M","fingerprint":"' + "ab" * 32 + '","has_times":true,'
        '"lengths_fingerprint":"","merged_duplicates":false,"n_movies":4,"n_ratings":1000,"n_users":3,"name":"1m",'
        '"noun":"movie","reading":{"columns":[],"feature_kinds":[],"item_vectors":[],"orphans":"keep","rating_scale":null,"repeats":null,'
        '"skip_bad_rows":false,"test":null,"validation":null,"weights":null},'
        '"scale":{"highest":5.0,"lowest":0.5}}'
    )
    config = written["config"]
    assert isinstance(config, dict)
    assert config["feature_set"] == ["timestamp"]
    assert sorted(config["model"]) == [  # type: ignore[arg-type, type-var]
        "dropout", "embedding_size", "feature_l2", "item_bias", "l2", "layer_sizes", "members",
        "query_layers", "rating_layers", "user_ids",
    ]  # fmt: skip
    assert isinstance(config["training"], dict) and isinstance(config["split"], dict)
    assert (config["split"]["folds"], config["split"]["fold"]) == (0, 0)
    assert config["split"]["targets"] == "together"
    assert config["training"]["loss"] == "catalogue"
    assert config["tasks"] is None and written["ratings"] is None and "sequence" not in config
    epoch = written["history"][0]  # type: ignore[index, call-overload]
    assert sorted(epoch) == [  # type: ignore[arg-type, type-var]
        "elapsed_s", "epoch", "ndcg", "ratings", "train_loss", "validation", "validation_loss",
    ]  # fmt: skip


def test_equal_settings_are_the_same_text_and_other_configurations_another() -> None:
    assert canonical_json(TowerConfig(l2=0)) == canonical_json(TowerConfig(l2=0.0))
    texts = {canonical_json(run_config(*names)) for names in (("None",), ("timestamp",), ("movie_genres",))}
    assert len(texts) == 3


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("best_epoch",), None, ["record.best_epoch", "int"]),
        (("best_epoch",), True, ["record.best_epoch", "True"]),
        (("config", "model", "layer_sizes"), "64", ["record.config.model.layer_sizes", "'64'"]),
        (("config", "model", "layer_sizes"), [64, "x"], ["record.config.model.layer_sizes.1"]),
        (("config", "model", "dropout"), 7.5, ["record.config.model", "--dropout", "7.5"]),
        (("config", "training", "loss"), "hinge", ["record.config.training.loss", "'hinge'", "catalogue"]),
        (("config", "tasks"), {"retrieval": 0.0, "rating": 0.0}, ["config.tasks", "--retrieval_weight"]),
        (("config", "feature_set"), ["Colour!"], ["record.config.feature_set", "Colour!"]),
        (("test", "unseen"), {"ten": 0.5}, ["record.test.unseen.ten"]),
        (("history", 0, "validation"), [], ["record.history.0.validation"]),
        (("extra",), 1, ["record.extra", "not a known key"]),
        (("forgotten_users",), -1, ["record.forgotten_users", "-1", "at least 0"]),
        (("n_parameters",), 10**400, ["record.n_parameters", "more than 64 bits"]),
        (("training_s",), 10**400, ["record.training_s", "more than 64 bits"]),
        (("created_at",), "\ud800", ["record.created_at", "ud800", "no text"]),
    ],
)
def test_a_wrong_value_is_refused_with_folder_and_key(
    path: tuple[str | int, ...], value: object, words: list[str]
) -> None:
    written = json.loads(json.dumps(encode(run_record("timestamp"))))
    target = written
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(SavedModelError) as caught:
        decode(RunRecord, written, folder=FOLDER)
    assert all(word in str(caught.value) for word in [str(FOLDER), *words]), str(caught.value)


@pytest.mark.parametrize("key", sorted(encode(run_record())))  # type: ignore[arg-type]
def test_a_missing_key_is_named(key: str) -> None:
    written = json.loads(json.dumps(encode(run_record())))
    del written[key]
    with pytest.raises(SavedModelError, match=f"'record.{key}' is missing"):
        decode(RunRecord, written, folder=FOLDER)


def test_a_diverged_training_and_a_type_without_json_form_are_not_written() -> None:
    with pytest.raises(MovierecError, match="diverged"):
        encode(run_record(training_s=float("nan")))
    with pytest.raises(TypeError, match="no JSON form"):
        encode({"number": 1j})
