"""A study on the terminal and as a document."""

import json
import re
from dataclasses import fields, replace

import pytest

from movierec_cli.config import FeatureSet, SplitConfig, SplitKind, TargetKind
from movierec_cli.experiment.study import ComparedModel, Study
from movierec_cli.reports.study_document import study_document
from movierec_cli.reports.terminal.study_text import study_text
from tests.reports import terminal
from tests.reports.studies import SEGMENTS, study

STUDY = study()


def printed(shown: Study, width: int, *, styled: bool = False, **shows: bool) -> str:
    return terminal.printed(lambda console: study_text(shown, console, **shows), width, styled=styled)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [80, 120, 200])
def test_every_number_of_every_model_is_readable_at_any_width(width: int) -> None:
    text = printed(STUDY, width, with_details=True)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text.replace(" … ", "")
    for model in STUDY.models:
        for value in (*model.top_k.unseen.values(), *model.top_k.all.values()):
            assert f"{value:.4f}" in text
        for interval in model.metrics.values():
            assert f"{interval.mean:.4f}" in text
        for value in model.beyond.values():
            assert f"{value:,.4g}" in text


def test_where_each_user_has_one_test_movie_recall_is_called_the_hit_rate_too() -> None:
    said = "with one test movie each, recall is the hit rate (HR)"
    leave_last = replace(STUDY, split=SplitConfig(kind=SplitKind.LEAVE_LAST))
    assert said in words(printed(leave_last, 100)) and "ndcg@10" in printed(leave_last, 100)
    assert said not in words(printed(STUDY, 100))


def test_successive_targets_are_said_in_the_table() -> None:
    split = SplitConfig(kind=SplitKind.TEMPORAL, targets=TargetKind.SUCCESSIVE)
    models = tuple(
        replace(
            one, records=tuple(replace(run, config=replace(run.config, split=split)) for run in one.records)
        )
        for one in STUDY.models
    )
    text = words(printed(replace(STUDY, split=split, models=models), 200, with_details=True))
    said = "Mean over test ratings, successive targets: each is asked for after all that its user rated"
    assert said in text and "Per user" not in text
    assert "temporal split with successive targets: train" in text
    assert "Test top-k accuracy (unseen: movies seen before each target masked)" in text
    assert "all metrics are asked at the time of each test rating" in text


def test_the_verdict_comes_first_then_one_table_and_short_warnings_and_the_rest_on_request() -> None:
    short, whole = words(printed(STUDY, 100)), words(printed(STUDY, 100, with_details=True))
    said = [*STUDY.answer, "Per user", STUDY.warnings[0]]
    named = ["leak time-travel: ", "Remedy: --split temporal", "caution equal-titles: "]
    split = words(STUDY.split_summary.sentence(STUDY.split))[:60]
    details = [split, "Test top-k accuracy", "What is recommended", "leak time-travel"]
    for text, parts in ((short, [*said, *named]), (whole, [*said, *details])):
        places = [text.find(part) for part in parts]
        assert -1 not in places and places == sorted(places) and places[0] == 0
    assert not any(part in short for part in details[:-1])


@pytest.mark.parametrize("width", [80, 200])
def test_every_metric_has_the_half_width_of_its_interval(width: int) -> None:
    text = printed(STUDY, width)
    halves = [
        f"±{(found.high - found.low) / 2:.3f}".replace("±0", "±")
        for model in STUDY.models
        for found in model.metrics.values()
    ]
    assert sorted(re.findall(r"±\.\d+", text)) == sorted(halves)


def test_models_that_know_the_time_of_a_query_are_marked_beside_those_that_do_not() -> None:
    text = printed(STUDY, 200)
    for model in STUDY.models:
        is_marked = f" {model.label} {model.times}".rstrip() + " †" in text
        assert is_marked is (model.label.startswith("timestamp"))
    assert "recall and top-k are asked at the time of each test rating" in words(text)
    assert "bursts" not in text
    alike = replace(STUDY, models=STUDY.models[1:4])
    assert "†" not in printed(alike, 200)


def test_a_model_of_sequences_that_knows_the_time_of_the_query_is_marked_too() -> None:
    record = STUDY.models[0].records[0]
    config = replace(record.config, feature_set=FeatureSet.parse(["time_gap", "query_time"]))
    knowing = replace(STUDY.models[0], label="next", records=(replace(record, config=config),))
    others = [model for model in STUDY.models if not model.label.startswith("timestamp")]
    text = words(printed(replace(STUDY, models=(knowing, *others)), 200))
    assert "next †" in text and text.count("†") == 2  # with the note below
    assert "Part of what query_time gains is that ratings come in bursts." in text


def test_the_best_of_each_metric_is_bold_and_a_model_alone_is_not() -> None:
    text = printed(STUDY, 200, styled=True).partition("Per user")[2]
    bold = re.findall(r"\x1b\[1;32m *([\d.]+)", text)
    best = [max(one.metrics[name].mean for one in STUDY.models) for name in STUDY.models[0].metrics]
    assert bold == [f"{value:.4f}" for value in best]
    alone = replace(STUDY, models=STUDY.models[:1])
    assert "\x1b[1;32m" not in printed(alone, 200, styled=True)


def test_costs_of_seeds_stand_together_and_a_baseline_has_no_epochs() -> None:
    text = printed(STUDY, 200, with_details=True).partition("Test top-k")[2]
    (line,) = (line for line in text.splitlines() if "timestamp × 3 seeds" in line)
    records = next(one for one in STUDY.models if one.label == "timestamp").records
    assert "15/20 15/20 15/20" in line
    assert f"{sum(record.training_s for record in records):.1f}" in line
    (line,) = (line for line in text.splitlines() if "popularity" in line and "–" in line)
    assert "/" not in line


def test_segments_are_shown_on_request_and_empty_ones_have_a_dash() -> None:
    assert "by segment" not in printed(STUDY, 100)
    text = printed(STUDY, 160, with_segments=True)
    assert "recall@100 by segment" in text
    for dimension, names in SEGMENTS.items():
        for name in names:
            assert f"{dimension}: {name}" in text
    for segment in STUDY.segments:
        for value in segment.accuracy:
            assert value is None or f"{value:.4f}" in text
    (line,) = (line for line in text.splitlines() if "cold: users without" in line)
    assert line.count("–") == len(STUDY.models)
    assert "1: None, 2: timestamp" in words(text)


@pytest.mark.parametrize(("width", "n_models"), [(80, 7), (80, 1), (60, 7), (48, 7), (36, 2), (200, 7)])
def test_segments_keep_every_column_at_any_width(width: int, n_models: int) -> None:
    models = STUDY.models[:n_models]
    kept = [replace(one, accuracy=one.accuracy[:n_models]) for one in STUDY.segments]
    text = printed(replace(STUDY, models=models, segments=tuple(kept)), width, with_segments=True)
    part = text.partition("by segment")[2]
    for segment in kept:
        for value in segment.accuracy:
            assert value is None or f"{value:.4f}" in part
    assert max(map(len, text.splitlines())) <= width
    assert f" {kept[0].n_users:,} " in part and "…" not in part.partition("random split")[0]
    headers = [line.split() for line in part.splitlines() if line.split()[:1] == ["segment"]]
    assert [one for line in headers for one in line if one.isdigit()] == [
        str(number) for number in range(1, n_models + 1)
    ]


def test_a_study_without_findings_and_baselines_is_shown_too() -> None:
    bare = replace(study(n_seeds=1, baselines=False), findings=(), warnings=())
    text = printed(bare, 80)
    assert "Remedy" not in text and words(bare.answer[0]) in words(text)


def test_text_that_looks_like_markup_is_shown_as_it_is() -> None:
    answer = ("[bold]None[/bold] wins [red]",)
    assert answer[0] in printed(replace(STUDY, answer=answer, warnings=answer), 80)


def test_the_document_has_every_part_of_the_study_but_what_stands_elsewhere() -> None:
    document = study_document(STUDY)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(document) == {field.name for field in fields(Study)} - {
        "user_lists",
        "commands",
        "verdict",
        "by_other_metrics",
    }
    assert document["headline"] == "recall@100"
    assert document["answer"] == list(STUDY.answer)
    models = document["models"]
    assert isinstance(models, list)
    for found, model in zip(models, STUDY.models, strict=True):
        assert isinstance(found, dict)
        assert set(found) == {field.name for field in fields(ComparedModel)} - {"records"} | {"runs"}
        assert found["runs"] == [record.name for record in model.records]
        assert found["label"] == model.label
    others = {name: value for name, value in vars(SplitConfig()).items() if name not in ("kind", "targets")}
    assert document["split"] == {"kind": "random", "targets": "together"} | others
