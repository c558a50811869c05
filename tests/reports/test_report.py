import html
import html.parser
import json
import math
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import pytest

from movierec_cli.config import Monitor, RankBy
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.study import ComparedModel, Study
from movierec_cli.registry.record import RunRecord
from movierec_cli.reports.study_tables import TIME_MARK
from movierec_cli.reports.tables import Kind, ModelMark, Row, Table, number, points, probability, written
from movierec_cli.reports.web.charts import epochs, forest
from movierec_cli.reports.web.markup import Html, html_table, tag
from movierec_cli.reports.web.pages import check_writable
from movierec_cli.reports.web.report_page import charts, report_page, write_report
from movierec_cli.reports.web.report_panels import user_lists
from tests.reports.studies import COMMAND, joint_study, study
from tests.saved_runs import KS, data_identity

STUDY = study()
PAGE = report_page(STUDY)
VOID = {"meta", "br", "col", "input"}


class Reader(html.parser.HTMLParser):
    """What a page says and asks for; fails where elements are not properly nested."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open += [] if name in VOID else [name]
        self.ids += [str(value) for key, value in attributes if key == "id"]
        self.addresses += [str(value) for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.texts)).replace("\N{NO-BREAK SPACE}", " ")


def cells(page: str, table_id: str) -> list[list[str]]:
    table = re.search(rf'<table id="{table_id}">(.*?)</table>', page, re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr>(.*?)</tr>", table[1].replace("\N{NO-BREAK SPACE}", " "), re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", "|", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def with_label(study: Study, label: str) -> Study:
    first, *others = study.models
    return replace(study, models=(replace(first, label=label), *others))


def test_the_verdict_and_its_numbers_come_before_the_sentences() -> None:
    text = Reader(PAGE).text
    said = (*STUDY.answer, *STUDY.warnings, "Random split: train")
    order = ["Which features help?", STUDY.verdict, "Ranking", "0.4851", *said]
    places = [text.index(sentence) for sentence in order]
    places[0] = text.index(order[0], places[0] + 1)  # the first is the title in the head
    assert places == sorted(places)


def test_the_page_is_well_formed_and_asks_for_nothing_from_elsewhere() -> None:
    reader = Reader(PAGE)
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(reader.addresses) == {"#leakage"}
    assert "default-src 'none'" in PAGE
    assert "@{" not in PAGE[: PAGE.index("plotly.js v")]
    assert len(PAGE) < 8_000_000


def test_every_mean_and_interval_is_in_the_ranking() -> None:
    header, *rows = cells(PAGE, "ranking")
    names = [cell.strip("|").partition("|")[0] for cell in header]
    assert names == ["model", *STUDY.models[0].metrics]
    assert len(rows) == len(STUDY.models)
    for model in STUDY.models:
        row = next(row for row in rows if f"|{model.label}|" in row[0])
        for cell, interval in zip(row[1:], model.metrics.values(), strict=True):
            assert f"{interval.mean:.4f}" in cell
            assert f"{interval.low:.4f} … {interval.high:.4f}" in cell


def test_the_ranking_begins_with_the_best_and_keeps_baselines_apart() -> None:
    _, *rows = cells(PAGE, "ranking")
    ranked = [re.sub(r"\|+", "|", row[0]).split("|")[1] for row in rows]
    best_first = sorted(STUDY.models, key=lambda one: -one.metrics[STUDY.headline].mean)
    assert ranked == [
        one.label for is_baseline in (False, True) for one in best_first if one.is_baseline == is_baseline
    ]


def test_the_best_of_each_column_is_bold_even_where_it_is_a_baseline() -> None:
    last = STUDY.models[-1]
    better = {**last.metrics, "auc": Interval(0.99, 0.98, 0.995)}
    page = report_page(replace(STUDY, models=(*STUDY.models[:-1], replace(last, metrics=better))))
    table = page[page.index('<table id="ranking">') : page.index("</table>")]
    means = {name: max(one.metrics[name].mean for one in STUDY.models) for name in last.metrics}
    means["auc"] = 0.99
    assert sorted(re.findall(r"<strong>([\d.]+)</strong>", table)) == sorted(
        f"{mean:.4f}" for mean in means.values()
    )


def test_what_people_wrote_is_text_and_never_markup() -> None:
    evil = "<script>alert('x')</script> \"quoted\" & co"
    users = STUDY.user_lists[0]
    rated = (replace(users.rated[0], title=evil), *users.rated[1:])
    model = users.recommended[0]
    movies = (replace(model.movies[0], title=evil), *model.movies[1:])
    spoilt = replace(
        with_label(STUDY, evil),
        data=replace(STUDY.data, description=evil),
        answer=(evil,),
        warnings=(evil,),
        segments=(replace(STUDY.segments[0], name=evil), *STUDY.segments[1:]),
        findings=(replace(STUDY.findings[0], sentence=evil, remedy=evil),),
        user_lists=(replace(users, rated=rated, recommended=(replace(model, movies=movies),)),),
        commands=(evil,),
    )
    page = report_page(spoilt)
    assert "<script>alert" not in page
    text = Reader(page).text
    # The command is a run of words, each an element of its own.
    assert text.count(evil) >= 10
    assert page.count("<script") == PAGE.count("<script")


def test_numbers_that_are_missing_are_dashes() -> None:
    nowhere = {name: Interval(math.nan, math.nan, math.nan) for name in STUDY.models[0].metrics}
    first, *others = STUDY.models
    page = report_page(replace(STUDY, models=(replace(first, metrics=nowhere), *others)))
    _, *rows = cells(page, "ranking")
    row = next(row for row in rows if f"|{first.label}|" in row[0])
    assert {cell.strip("|") for cell in row[1:]} == {"–"}
    assert "nan" not in Reader(page).text.lower().split()


def test_segments_without_ratings_are_said_and_not_shown() -> None:
    text = Reader(PAGE).text
    assert "No test rating is in cold: movies without a training rating" in text
    assert re.search(r"\b0 test ratings", text.replace(",", "")) is None
    shown = [segment for segment in STUDY.segments if segment.n_ratings]
    for segment in shown:
        assert f"{segment.n_users:,} users, {segment.n_ratings:,} test ratings" in text
    heat = PAGE[PAGE.index('class="heat"') :]
    assert heat[: heat.index("</table>")].count('--strength:100%"><strong>') == len(shown)


def test_every_difference_is_given_with_its_interval_and_verdict() -> None:
    table = PAGE[PAGE.index('class="differences') :]
    rows = re.findall(r"<tr><th.*?</tr>", table[: table.index("</table>")], re.DOTALL)[1:]
    assert len(rows) == len(STUDY.differences)
    told = [re.sub(r"(<[^>]*>)+", "|", row) for row in rows]
    for pair in STUDY.differences:
        row = next(row for row in told if row.startswith(f"|{pair.a} |against| {pair.b}|"))
        assert f"{100 * pair.difference.mean:+.2f}".replace("-", "−") in row
        sign = "higher" if pair.difference.mean > 0 else "lower"
        assert row.strip("|").endswith(sign if pair.p_holm < 0.05 else "not significant")


def test_the_page_says_how_to_reproduce_it() -> None:
    text = Reader(PAGE).text
    code = re.search(r'<code id="command">(.*?)</code>', PAGE)
    assert code is not None
    assert re.sub(r"<[^>]*>", "", code[1]) == COMMAND
    assert STUDY.data.fingerprint in text
    assert "2.21.0" in text
    for model in STUDY.models:
        for record in model.records:
            assert record.name in text
    for setting in ("embedding size 64", "split test fraction 0.2", "factors 64, regularization 0.05"):
        assert setting in text


def test_the_page_has_the_options_as_a_file() -> None:
    assert 'id="file"' not in PAGE  # which no training wrote
    command = "movierec train --dataset 1m --additional-feature-sets None --layer-sizes 64 32"
    page = report_page(replace(STUDY, commands=(f"{command} --seeds 3 --deploy --json -o a.html",)))
    code = re.search(r'<code id="file">(.*?)</code>', page, re.DOTALL)
    assert code is not None
    assert tomllib.loads(html.unescape(code[1])) == {
        "dataset": "1m",
        "additional_feature_sets": ["None"],
        "layer_sizes": [64, 32],
        "seeds": 3,
        "deploy": True,
        "output": "a.html",
    }
    several = report_page(replace(STUDY, commands=(command, f"{command} --seeds 3")))
    assert 'id="command"' in several and 'id="file"' not in several


def test_versions_and_settings_that_differ_stand_side_by_side() -> None:
    first, second, *others = STUDY.models
    older = replace(second.records[0], versions={"movierec": "0.1.0", "tensorflow": "2.20.0"})
    page = report_page(replace(STUDY, models=(first, replace(second, records=(older,)), *others)))
    assert "tensorflow 2.21.0 / 2.20.0" in Reader(page).text


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_plotly_knows_every_property_of_the_charts(n_seeds: int) -> None:
    drawn = charts(study(n_seeds=n_seeds))
    assert list(drawn) == ["forest", "epochs-chart", "ablation-chart"]
    for chart in drawn.values():
        go.Figure(chart.data, chart.layout)
        for view in chart.views.values():
            go.Figure(
                [{**trace, **own} for trace, own in zip(chart.data, view["data"], strict=True)],
                view["layout"],
            )
        json.dumps(chart.views, allow_nan=False)


def test_the_forest_has_each_mean_where_it_ranks() -> None:
    chart = forest(STUDY)
    assert chart is not None
    assert chart.shown == STUDY.headline
    view = chart.views["auc"]
    labels = view["layout"]["yaxis"]["ticktext"]
    means = [model.metrics["auc"].mean for model in STUDY.models]
    for model, trace, mean in zip(STUDY.models, view["data"], means, strict=True):
        assert trace["x"] == [mean]
        assert labels[trace["y"][0]] == model.label
        assert trace["error_x"]["array"] == [model.metrics["auc"].high - mean]
    assert labels[-1] == STUDY.models[means.index(max(means))].label
    assert view["layout"]["shapes"][0]["x0"] == max(
        mean for one, mean in zip(STUDY.models, means, strict=True) if one.is_baseline
    )


def shortened(model: ComparedModel) -> ComparedModel:
    """With one seed that stopped two validations earlier."""
    first, *others = model.records
    return replace(model, records=(replace(first, history=first.history[:2]), *others))


def test_the_thick_line_is_the_mean_over_seeds_where_all_of_them_are() -> None:
    first, *others = STUDY.models
    chart = epochs(replace(STUDY, models=(shortened(first), *others)))
    assert chart is not None
    assert chart.shown == "ndcg@10"
    named = [place for place, trace in enumerate(chart.data) if trace.get("showlegend", True)]
    assert [chart.data[place]["name"] for place in named] == [
        one.label for one in STUDY.models if not one.is_baseline
    ]
    assert chart.data[0]["x"] == [5, 10]
    expected = [
        sum(record.history[epoch].validation.recall[10] for record in first.records) / 3 for epoch in (0, 1)
    ]
    assert chart.views["recall@10"]["data"][0]["y"] == pytest.approx(expected, abs=1e-12)
    assert {trace["legendgroup"] for trace in chart.data[:7]} == {"0"}


def test_every_validation_can_be_shown_in_every_way() -> None:
    chart = epochs(STUDY)
    assert chart is not None
    names = {
        "ndcg@10",
        *(f"recall@{k}" for k in KS),
        *(f"top-{k} accuracy, {which} movies" for k in KS for which in ("unseen", "all")),
    }
    assert set(chart.views) == names
    record = STUDY.models[0].records[0]
    place = next(i for i, trace in enumerate(chart.data) if trace["name"] == "None, seed 42")
    assert chart.data[place]["x"] == [epoch.epoch for epoch in record.history]
    assert chart.data[place]["customdata"] == [epoch.elapsed_s for epoch in record.history]
    for which in ("unseen", "all"):
        for k in KS:
            shown = chart.views[f"top-{k} accuracy, {which} movies"]["data"][place]["y"]
            assert shown == [getattr(epoch.validation, which)[k] for epoch in record.history]


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_epoch_whose_weights_were_kept_is_marked(n_seeds: int) -> None:
    shown = study(n_seeds=n_seeds)
    chart = epochs(shown)
    assert chart is not None
    marked = [i for i, trace in enumerate(chart.data) if trace["mode"] == "markers"]
    values = chart.views["recall@100"]["data"]
    trained = [record for one in shown.models if not one.is_baseline for record in one.records]
    assert [(chart.data[i]["x"], values[i]["y"]) for i in marked] == [
        ([15], [record.history[2].validation.recall[100]]) for record in trained
    ]


def test_errors_of_predicted_ratings_are_shown_by_epoch_where_every_model_predicts_them() -> None:
    joint, plain = epochs(joint_study()), epochs(STUDY)
    assert joint is not None and plain is not None
    first = joint_study().models[0].records[0].history
    rmse = [epoch.ratings.rmse for epoch in first if epoch.ratings is not None]
    assert joint.views["RMSE, stars"]["data"][0]["y"] == pytest.approx(rmse, abs=1e-12)
    assert "RMSE, stars" not in plain.views


def test_the_page_says_what_an_epoch_was_chosen_by() -> None:
    assert "the best by ndcg@10 on validation" in PAGE
    assert "the best by recall@100 and the error of predicted ratings" in report_page(joint_study())


def test_epochs_chosen_by_ndcg_are_shown_by_it() -> None:
    def with_ndcg(record: RunRecord) -> RunRecord:
        history = tuple(replace(epoch, ndcg=epoch.epoch / 100) for epoch in record.history)
        training = record.config.training and replace(record.config.training, monitor=Monitor.NDCG)
        return replace(record, history=history, config=replace(record.config, training=training))

    models = [replace(one, records=tuple(map(with_ndcg, one.records))) for one in STUDY.models]
    chart = epochs(replace(STUDY, models=tuple(models)))
    assert chart is not None
    assert chart.shown == "ndcg@10" == next(iter(chart.views))
    assert chart.views["ndcg@10"]["data"][0]["y"] == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert "the best by ndcg@10 on validation" in report_page(replace(STUDY, models=tuple(models)))
    first, *others = models
    record = first.records[0]
    unmeasured = replace(record, history=tuple(replace(epoch, ndcg=None) for epoch in record.history))
    some = epochs(replace(STUDY, models=(replace(first, records=(unmeasured,)), *others)))
    assert some is not None and "ndcg@10" not in some.views


def test_parts_that_have_nothing_to_show_are_left_out_or_said() -> None:
    bare = replace(
        study(n_seeds=1, baselines=False),
        differences=(),
        ablation=(),
        segments=(),
        findings=(),
        user_lists=(),
        warnings=(),
        by_other_metrics={},
    )
    records = [
        replace(one, records=tuple(replace(r, history=()) for r in one.records)) for one in bare.models
    ]
    page = report_page(replace(bare, models=tuple(records)))
    reader = Reader(page)
    tabs = re.findall(r'role="tab"[^>]*>([^<]*)<', page)
    assert tabs == ["Features", "More numbers", "Leakage", "Reproduce"]
    assert "No baseline was requested" in reader.text
    assert "The checks for leakage found nothing." in reader.text
    assert "the gain of a single feature is not known" in reader.text
    assert [element for element in reader.ids if element.endswith("chart")] == []
    assert "dotted line" not in reader.text


@pytest.mark.parametrize(("n", "expected"), [(12, "9 more warnings<"), (4, "1 more warning<")])
def test_many_warnings_are_folded_but_all_there(n: int, expected: str) -> None:
    sentences = tuple(f"warning number {number}" for number in range(n))
    page = report_page(replace(STUDY, warnings=sentences))
    before, _, folded = page[: page.index('class="tabs"')].partition("<details>")
    assert all(sentence in before for sentence in sentences[:3])
    assert all(sentence in folded for sentence in sentences[3:])
    assert expected in folded


def test_no_line_ends_between_a_number_and_its_percent() -> None:
    page = report_page(replace(STUDY, answer=("First with 45.1 % (95 % CI 44.0 … 46.2).",)))
    assert "45.1\N{NO-BREAK SPACE}% (95\N{NO-BREAK SPACE}% CI" in page


def test_the_mark_of_a_time_stands_beside_the_name() -> None:
    row = Row(label="timestamp", cells=(), note=TIME_MARK, model=ModelMark(index=0, is_baseline=False))
    table = Table(title="", label="model", columns=(), rows=(row,))
    assert "<span>timestamp</span>\N{NO-BREAK SPACE}†</th>" in html_table(table)


def test_a_leak_is_said_at_the_top() -> None:
    head = PAGE[: PAGE.index("<h2>")]
    assert "<strong>Leak</strong> time-travel" in head
    assert "equal-titles" not in head


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(0.47404), "0.4740"),
        (number(1234.56), "1,234.6"),
        (written(math.nan, Kind.NUMBER), "–"),
        (points(-0.0035), "−0.35"),
        (points(0.012), "+1.20"),
        (probability(0.0004), "< 0.001"),
        (probability(0.0404), "0.040"),
        (
            tag("p", "a<b", Html("<b>c</b>"), class_="x", title='"'),
            '<p class="x" title="&quot;">a&lt;b<b>c</b></p>',
        ),
        (tag("button", hidden=True, disabled=False, data_n=3), '<button hidden data-n="3"></button>'),
    ],
)
def test_texts_are_written_so(text: str, expected: str) -> None:
    assert text == expected


def test_the_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = write_report(STUDY, tmp_path / "new" / "report.html")
    assert file.is_absolute() and file.read_text(encoding="utf-8") == PAGE
    with pytest.raises(MovierecError, match="the page cannot be written to"):
        write_report(STUDY, file / "below.html")
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]


def test_what_would_hinder_writing_is_found_before_training(tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match="it is a folder"):
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MovierecError, match="cannot be written"):
        check_writable(tmp_path / "file" / "page.html")
    check_writable(tmp_path / "not" / "yet" / "page.html")


def lists(stars: float | None) -> str:
    """The lists of one user, where the first model predicts these stars for its first movie."""
    user = STUDY.user_lists[0]
    model = user.recommended[0]
    movies = (replace(model.movies[0], stars=stars), *model.movies[1:])
    return str(user_lists(replace(user, recommended=(replace(model, movies=movies),)), {}, data_identity()))


def test_predicted_stars_stand_before_the_genres_where_there_are_any() -> None:
    genres = ", ".join(STUDY.user_lists[0].recommended[0].movies[0].genres)
    assert f"<small>4.3 ★ predicted · {genres}</small>" in lists(4.26)
    assert lists(4.26).count("predicted") == 1 and "predicted" not in lists(None)


def test_what_orders_a_list_stands_above_it() -> None:
    user = STUDY.user_lists[0]
    ordered = replace(user.recommended[0], rank_by=RankBy.BLEND)
    assert f"<h4>{ordered.label}; by score and predicted rating</h4>" in user_lists(
        replace(user, recommended=(ordered,)), {}, data_identity()
    )
