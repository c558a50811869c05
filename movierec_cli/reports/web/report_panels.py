"""The parts of the report: the ranking, and what stands behind each tab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from movierec_cli.evaluation.significance import LEVEL
from movierec_cli.experiment.study import Study
from movierec_cli.leakage import Finding
from movierec_cli.reports.web import report_ratings, report_tables
from movierec_cli.reports.web.markup import Html, joined, tag, tags
from movierec_cli.reports.web.rating_figure import ratings_chart, ratings_section
from movierec_cli.reports.web.report_figures import epochs, metric_names
from movierec_cli.reports.web.report_lists import user_lists, user_selector
from movierec_cli.reports.web.report_origin import origin


@dataclass(frozen=True)
class Panel:
    """A part of the page behind a tab."""

    name: str
    tab: str
    title: str
    body: Html


def ranking(study: Study) -> Html:
    """The table and its headline as dots with intervals."""
    baselines = any(model.is_baseline for model in study.models)
    without = "No baseline was asked for: nothing here says what a model without training would reach."
    note = (
        "Means over users who have training ratings, with 95 % bootstrap intervals; movies a user rated in "
        "training are not ranked. Bold is the best of a column. Press a column's name to sort by it."
    )
    parts = (report_tables.ranking(study), tag("p", note, class_="note"))
    return joined((*parts, Html() if baselines else tag("p", without), _forest(study, baselines)))


def _forest(study: Study, baselines: bool) -> Html:
    names = metric_names(study)
    line = "Baselines are hollow; the dotted line is the best of them." if baselines else ""
    text = f"Mean and 95 % interval, the best on top. {line}".strip()
    caption = tag("p", text, class_="note chart-note")
    return _figure("forest", _selector("forest-view", "Metric ", names, study.headline), caption)


def _figure(element: str, selector: Html, caption: Html) -> Html:
    return joined((selector, tag("div", id=element, class_="chart", role="img"), caption))


def _selector(name: str, label: str, options: Sequence[str], chosen: str) -> Html:
    if len(options) < 2:
        return Html()
    items = (tag("option", option, value=option, selected=option == chosen) for option in options)
    select = tag("select", *items, id=name, autocomplete="off")
    return tag("p", tag("label", label, select), class_="controls")


def _ratings(study: Study) -> Panel | None:
    rated, chart = study.ratings, ratings_chart(study)
    if rated is None:
        return None
    text = (
        "How far predicted ratings of the test part are off: root of the mean squared error and mean "
        "absolute error, in stars, lower is better, with 95 % intervals. Beside them is how the same models "
        "rank."
    )
    tables = [tag("p", text), report_ratings.ratings(study, rated)]
    drawn = [] if chart is None else [ratings_section(study, chart)]
    pairs = [tag("h3", "Differences"), report_ratings.differences(rated)] if rated.differences else []
    body = (tags("p", rated.answer), *tables, *drawn, *pairs)
    return Panel("ratings", "Ratings", "How well ratings are predicted", joined(body))


def _epochs(study: Study) -> Panel | None:
    chart = epochs(study)
    if chart is None:
        return None
    text = (
        "An open marker is the epoch whose model was kept. Thin lines are single seeds, thick ones "
        "their mean. Press a name to hide or show its lines."
    )
    selector = _selector("epochs-chart-view", "Validation ", [*chart.views], chart.shown)
    body = _figure("epochs-chart", selector, tag("p", text, class_="note chart-note"))
    only_chart = tag("p", "This part is a chart and needs JavaScript.", class_="without-js")
    return Panel("epochs", "Epochs", "Accuracy over epochs", joined((body, only_chart)))


def _features(study: Study) -> Panel:
    title = "What each feature adds"
    if not study.ablation:
        text = (
            "No two of the compared sets differ in one feature only, so no feature's own gain can be told. "
            "Compare a set with the same set and one feature more."
        )
        return Panel("features", "Features", title, tag("p", text))
    text = (
        "The gain averaged over the pairs of sets that differ only in the feature, with its 95 % interval. "
        f"A point is .01 of {study.headline}."
    )
    body = (tag("p", text), _figure("ablation-chart", Html(), Html()), report_tables.gains(study))
    return Panel("features", "Features", title, joined(body))


def _differences(study: Study) -> Panel | None:
    if not study.differences:
        return None
    text = (
        f"How much the first is above the second on the same users, in points of {study.headline} "
        "(.01 each), with 95 % intervals. Holm's correction is over all the pairs; below "
        f"{LEVEL}, and with 0 outside its interval, a difference is called higher or lower. The bars of a "
        "part share a scale with 0 at the dashes."
    )
    body = joined((tag("p", text), report_tables.differences(study)))
    return Panel("differences", "Differences", "Pairwise differences", body)


def _more(study: Study) -> Panel:
    pooled = "The share of test ratings whose movie is among the k ranked first, each rating counting alike."
    parts = {
        "Top-k accuracy among unseen movies": report_tables.top_k(study, lambda top: top.unseen, "Unseen"),
        "Top-k accuracy among all movies": report_tables.top_k(study, lambda top: top.all, "All movies"),
        "What is recommended": report_tables.beyond_accuracy(study),
    }
    tables = (joined((tag("h3", title), table)) for title, table in parts.items() if table)
    return Panel("more", "More figures", "More figures", joined((tag("p", pooled), *tables)))


def _segments(study: Study) -> Panel | None:
    if not any(segment.n_ratings for segment in study.segments):
        return None
    text = (
        f"{study.headline} on parts of the test ratings. The colour is a contender's share of the segment's "
        f"best, which is bold; none at {100 * report_tables.UNCOLOURED:.0f} % of it or less."
        f"{_empty_segments(study)}"
    )
    body = joined((tag("p", text), report_tables.segments(study)))
    return Panel("segments", "Segments", "Who is good where", body)


def _empty_segments(study: Study) -> str:
    empty = [f"{one.dimension}: {one.name}" for one in study.segments if not one.n_ratings]
    return f" No test rating is in {'; '.join(empty)}." if empty else ""


def _leakage(study: Study) -> Panel:
    found = joined(map(_finding, study.findings)) or tag("p", "The checks for leakage found nothing.")
    return Panel("leakage", "Leakage", "Is any of it too good to be true?", found)


def _finding(finding: Finding) -> Html:
    severity = tag("span", finding.severity.capitalize(), class_=f"severity {finding.severity}")
    remedy = tag("p", "Mended by ", tag("code", finding.remedy)) if finding.remedy else ""
    heading = tag("h3", severity, " ", finding.name)
    return tag("article", heading, tag("p", finding.sentence), remedy, class_="finding")


def _recommendations(study: Study) -> Panel | None:
    if not study.user_lists:
        return None
    text = "What each model puts first among the movies a user has not rated. "
    bold = "Bold: no other model's list has it."
    several = any(len(user.recommended) > 1 for user in study.user_lists)
    labels = {record.name: one.label for one in study.models for record in one.records}
    users = (user_lists(user, labels) for user in study.user_lists)
    body = (tag("p", text + (bold if several else "")), user_selector(study.user_lists), *users)
    return Panel("recommendations", "Recommendations", "What they recommend", joined(body))


def _reproduce(study: Study) -> Panel:
    return Panel("reproduce", "Reproduce", "How to reproduce", origin(study))


PANELS: tuple[Callable[[Study], Panel | None], ...] = (
    _ratings,
    _epochs,
    _features,
    _differences,
    _segments,
    _more,
    _leakage,
    _recommendations,
    _reproduce,
)
"""In the order of the tabs; each gives nothing where the study has nothing for it."""
