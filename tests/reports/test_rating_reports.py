"""Predicted ratings on the terminal, as a document, in the report and in the chart."""

import html
import json
import re
from dataclasses import replace

import pytest

from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.study import RatingStudy, Study
from movierec_cli.reports.study_document import study_document
from movierec_cli.reports.terminal.study_text import study_text
from movierec_cli.reports.web.charts import Chart
from movierec_cli.reports.web.rating_chart import ALL, BOTH, ratings_chart
from movierec_cli.reports.web.report_page import report_page
from tests.reports import terminal
from tests.reports.studies import RATING_ERRORS, RATING_LEVELS, WEIGHTS, joint_study, study

STUDY = joint_study()


def rated(shown: Study) -> RatingStudy:
    assert shown.ratings is not None
    return shown.ratings


def printed(shown: Study, width: int, *, styled: bool = False) -> str:
    return terminal.printed(lambda console: study_text(shown, console), width, styled=styled)


def ratings_part(text: str) -> str:
    return text.partition("Predicted ratings")[2].partition("● on the front")[0]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_every_error_is_readable_at_any_width_beside_the_headline(width: int) -> None:
    text = printed(STUDY, width)
    assert max(map(len, text.splitlines())) <= width
    table = ratings_part(text)
    assert "…" not in table
    for one in rated(STUDY).models:
        for interval in (one.rmse, one.mae):
            half = f"{(interval.high - interval.low) / 2:.3f}".removeprefix("0")
            assert f"{interval.mean:.4f} ±{half}" in table
    for _, recall in RATING_LEVELS:
        assert f"{recall:.4f}" in table
    assert ("top-100" in table) == (width > 80)


def test_what_does_not_rank_has_dashes_and_what_is_on_the_front_a_mark() -> None:
    lines = ratings_part(printed(STUDY, 200)).splitlines()
    marked = [line for line in lines if "●" in line]
    assert [re.findall(r"rating × ([\d.]+)", line) for line in marked] == [["0.1"], ["0.3"]]
    (line,) = (line for line in lines if "biased MF" in line)
    assert len(re.findall(r"\d\.\d{4}", line)) == 2


def test_the_lowest_error_and_the_highest_accuracy_are_bold() -> None:
    text = ratings_part(printed(STUDY, 120, styled=True))
    bold = re.findall(r"\x1b\[1;32m *([\d.]+)", text)
    best = min(one.rmse.mean for one in rated(STUDY).models)
    by_row = [f"{best:.4f}", f"{0.78 * best:.4f}"]
    assert sorted(bold) == sorted([*by_row, *([f"{max(r for _, r in RATING_LEVELS):.4f}"] * 2), "0.0474"])


def test_the_answers_come_before_the_tables_that_of_the_ranking_first() -> None:
    text = " ".join(printed(STUDY, 100).split())
    parts = [STUDY.answer[0], *rated(STUDY).answer, "Per user", "Predicted ratings"]
    places = [text.find(part) for part in parts]
    assert -1 not in places and places == sorted(places)


def test_a_study_without_ratings_says_nothing_of_them() -> None:
    plain = study()
    assert "RMSE" not in printed(plain, 200)
    assert ratings_chart(plain) is None
    assert "ratings-chart" not in report_page(plain).partition("<script>")[2].partition("plotly.js v")[0]
    assert study_document(plain)["ratings"] is None


def test_the_document_has_every_number_of_the_ratings() -> None:
    document = json.loads(json.dumps(study_document(STUDY), allow_nan=False))["ratings"]
    assert document["answer"] == list(rated(STUDY).answer)
    assert len(document["differences"]) == len(rated(STUDY).differences)
    for found, one in zip(document["models"], rated(STUDY).models, strict=True):
        assert found["label"] == one.label
        assert found["family"] == one.family
        assert found["runs"] == [record.name for record in one.records]
        assert Interval(**found["rmse"]) == one.rmse and Interval(**found["mae"]) == one.mae
        assert found["is_on_front"] is one.is_on_front


def chart_of(shown: Study) -> Chart:
    chart = ratings_chart(shown)
    assert chart is not None
    return chart


def test_the_chart_has_a_point_a_model_with_both_intervals_and_the_front_joined() -> None:
    front, *points = chart_of(STUDY).data
    assert [(point["x"], point["y"]) for point in points] == [
        ([rmse], [recall]) for rmse, recall in RATING_LEVELS
    ]
    assert [point["text"] for point in points] == [[f"1 : {weight:g}"] for weight in WEIGHTS]
    for point, one in zip(points, rated(STUDY).models, strict=False):
        assert point["error_x"]["array"] == [pytest.approx(one.rmse.high - one.rmse.mean)]
        assert point["error_x"]["arrayminus"] == [pytest.approx(one.rmse.mean - one.rmse.low)]
        assert point["error_y"]["array"][0] > 0
        assert point["marker"]["symbol"].endswith("-open") == (not one.is_on_front)
    assert (front["x"], front["y"]) == ([0.9062, 0.9125], [0.4702, 0.4744])


def test_models_with_both_tasks_come_first_with_what_specialists_reach_as_lines() -> None:
    chart = chart_of(STUDY)
    assert (list(chart.views), chart.shown) == ([BOTH, ALL], BOTH)
    near, wide = chart.views[BOTH]["layout"], chart.views[ALL]["layout"]
    assert [note["text"] for note in near["annotations"]] == ["biased MF", "retrieval alone"]
    assert near["xaxis"]["range"][1] < RATING_ERRORS_HIGHEST < wide["xaxis"]["range"][1]
    assert [shape["x0"] for shape in wide["shapes"]] == sorted(RATING_ERRORS.values())
    assert all(shape["yref"] == "paper" and shape["x0"] == shape["x1"] for shape in wide["shapes"])
    for low, high, intervals in ((*near["xaxis"]["range"], [one.rmse for one in rated(STUDY).models[1:4]]),):
        assert low < min(one.low for one in intervals) and high > max(one.high for one in intervals)


RATING_ERRORS_HIGHEST = max(RATING_ERRORS.values())


def test_one_model_alone_is_shown_beside_the_best_baseline() -> None:
    few = tuple(one for one in rated(STUDY).models if one.is_baseline or "× 0.3" in one.label)
    chart = chart_of(replace(STUDY, ratings=replace(rated(STUDY), models=few)))
    assert list(chart.views) == [ALL]
    assert chart.shown == ALL
    assert len(chart.data) == 2
    assert "biased MF" in [note["text"] for note in chart.views[ALL]["layout"]["annotations"]]


def test_baselines_alone_are_no_chart() -> None:
    few = tuple(one for one in rated(STUDY).models if one.is_baseline)
    assert ratings_chart(replace(STUDY, ratings=replace(rated(STUDY), models=few, differences=()))) is None


def test_the_report_has_the_table_the_chart_and_the_differences() -> None:
    page = report_page(STUDY)
    panel = page.partition('<section id="ratings"')[2].partition("</section>")[0]
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", panel)).split())
    for one in rated(STUDY).models:
        assert f"{one.rmse.mean:.4f} {one.rmse.low:.4f} … {one.rmse.high:.4f}" in text
    assert all(sentence in text for sentence in rated(STUDY).answer)
    assert panel.count("●</td>") == 2
    assert panel.count(" against ") == 0 and text.count(" against ") == len(rated(STUDY).differences)
    assert "better: off by less" in text and "not significant" in text
    assert 'id="ratings-chart"' in panel
    assert '"element": "ratings-chart"' in page


def test_names_of_lines_side_by_side_stand_above_each_other() -> None:
    near = {"global mean": 1.126, "user + movie bias": 0.9217, "biased MF": 0.9214}
    models = tuple(
        replace(one, rmse=replace(one.rmse, mean=near.get(one.label, one.rmse.mean)))
        for one in rated(STUDY).models
    )
    chart = chart_of(replace(STUDY, ratings=replace(rated(STUDY), models=models)))
    notes = {note["text"]: note["y"] for note in chart.views[ALL]["layout"]["annotations"]}
    assert notes["biased MF"] == notes["global mean"] == 0
    assert 0 < notes["user + movie bias"] < 1
