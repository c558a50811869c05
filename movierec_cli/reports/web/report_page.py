"""A study as one web page: the answer first, then what it rests on."""

import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from movierec_cli.experiment.study import Study
from movierec_cli.leakage.finding import Finding, Severity
from movierec_cli.reports.study_tables import counts, metric_names, user_metrics
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.charts import Chart, ablation, epochs, forest
from movierec_cli.reports.web.markup import Html, html_table, joined, tag, tags
from movierec_cli.reports.web.rating_chart import ratings_chart
from movierec_cli.reports.web.report_panels import Panel, by_metric, figure, panels
from movierec_cli.text import counted

WARNINGS_SHOWN = 3
"""More of them would push the ranking off the screen; the rest unfolds."""


def write_report(study: Study, file: Path) -> Path:
    """Writes the page of a study, as `pages.write_page` does."""
    return pages.write_page(report_page(study), file)


def report_page(study: Study) -> str:
    """The whole page, plotly.js included, so that it works without a network."""
    drawn = charts(study)
    description = study.data.description
    return rendered(
        title=f"Which features help? {description[:1].upper()}{description[1:]}",
        verdict=joined((by_metric(study, _verdict), _leaks(study))),
        heading="Ranking",
        switch=_switch(study),
        numbers=_numbers(study),
        sentences=joined((_answer(study), _warnings(study), _split(study))),
        drawn=_dots(study, drawn),
        panels=panels(study, drawn),
        charts=list(drawn.values()),
    )


def rendered(
    *, title: str, heading: str, panels: Sequence[Panel], charts: Sequence[Chart], **parts: Html
) -> str:
    """A page with a verdict, the numbers that it rests on, sentences, and panels behind tabs.

    Args:
        title: of the page, a plain text.
        heading: of the first section.
        panels: in the order of their tabs, one or more.
        charts: that are drawn in the sections.
        parts: the markup of "verdict", "switch" (of the metric), "numbers", "sentences" and "drawn".
    """
    from plotly.offline import get_plotlyjs

    filled = {
        "title": html.escape(title),
        "heading": html.escape(heading),
        "plotly_js": get_plotlyjs(),
        "tabs": joined(map(_tab, panels)),
        "panels": joined(map(_panel, panels)),
        "charts": pages.embedded(json.dumps([asdict(chart) for chart in charts], allow_nan=False)),
    }
    return pages.filled("report", ["report.js"], {**parts, **filled})


def charts(study: Study) -> dict[str, Chart]:
    """Every chart that has something to show, by its element."""
    drawn = (make(study) for make in (forest, epochs, ablation, ratings_chart))
    return {chart.element: chart for chart in drawn if chart is not None}


def _verdict(seen: Study) -> Html:
    """In a few words, by one metric."""
    return tag("p", seen.verdict, class_="answer")


def _switch(study: Study) -> Html:
    """The choice of the metric, which all of the page follows."""
    names = metric_names(study)
    if len(names) < 2:
        return Html()
    options = (
        tag("option", f"{name}, which decides" if name == study.headline else name, value=name)
        for name in names
    )
    select = tag("select", *options, id="metric", autocomplete="off")
    return tag("p", tag("label", "Metric ", select), class_="controls")


def _answer(study: Study) -> Html:
    sentences = study.answer + (study.ratings.answer[:1] if study.ratings is not None else ())
    return tags("p", sentences, class_="more")


def _warnings(study: Study) -> Html:
    warnings = [_notice("Warning", sentence) for sentence in study.warnings]
    first, others = warnings[:WARNINGS_SHOWN], warnings[WARNINGS_SHOWN:]
    summary = tag("summary", counted(len(others), "more warning"))
    folded = tag("details", summary, *others) if others else Html()
    return joined((*first, folded))


def _leaks(study: Study) -> Html:
    return joined(_leak_notice(one) for one in study.findings if one.severity is Severity.LEAK)


def _notice(word: str, *content: str) -> Html:
    return tag("p", tag("strong", word), " ", *content, class_="notice", role="note")


def _leak_notice(finding: Finding) -> Html:
    link = tag("a", "What it is and what mends it", href="#leakage")
    sentence = f"{finding.name}: the numbers below are higher than they would be in use. "
    return _notice("Leak", sentence, link)


def _split(study: Study) -> Html:
    sentence = study.split_summary.sentence(study.split, study.data.noun, study.data.interactions)
    return tag("p", f"{counts(study.data)}. {sentence[:1].upper()}{sentence[1:]}.", class_="faint")


def _numbers(study: Study) -> Html:
    note = (
        f"Means over users who have training {study.data.interactions}s, with 95 % bootstrap intervals;"
        f" {study.data.noun}s that a user had in training are not ranked. Bold is the best of a column. Press"
        " a column's name to sort by it."
    )
    table = html_table(user_metrics(study), element="ranking", is_sortable=True)
    return joined((table, tag("p", note, class_="note")))


def _dots(study: Study, drawn: dict[str, Chart]) -> Html:
    """The table as dots with intervals."""
    has_baselines = any(model.is_baseline for model in study.models)
    without = "No baseline was requested: this page cannot say what a model without training would reach."
    line = " Baselines are hollow; the dotted line is the best of them." if has_baselines else ""
    dots = figure(drawn.get("forest"), note=f"Mean and 95 % interval, the best on top.{line}")
    return joined((Html() if has_baselines else tag("p", without), dots))


def _tab(panel: Panel) -> Html:
    attributes = {"id": f"tab-{panel.name}", "aria_controls": panel.name, "aria_selected": "false"}
    return tag("button", panel.tab, role="tab", type="button", **attributes)


def _panel(panel: Panel) -> Html:
    heading = tag("h2", panel.title)
    return tag("section", heading, panel.body, id=panel.name, class_="panel", aria_label=panel.title)
