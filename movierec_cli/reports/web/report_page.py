"""A study as one web page: the answer first, then what it rests on."""

from __future__ import annotations

import html
import json
from dataclasses import asdict
from pathlib import Path

from movierec_cli.experiment.study import Study
from movierec_cli.leakage import Finding, Severity
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.markup import Html, joined, tag, tags
from movierec_cli.reports.web.rating_figure import ratings_chart
from movierec_cli.reports.web.report_figures import Chart, charts
from movierec_cli.reports.web.report_panels import PANELS, Panel, ranking

WARNINGS_SHOWN = 3
"""More of them would push the ranking off the screen; the rest unfolds."""


def write_report(study: Study, file: Path) -> Path:
    """Writes the page; what was there before stays until the new page is complete.

    Args:
        study: what was found out.
        file: where the page goes; missing folders are made.

    Returns:
        The absolute path of the page.

    Raises:
        MovierecError: the file cannot be written.
    """
    return pages.write_page(report_page(study), file, what="report")


def report_page(study: Study) -> str:
    """The whole page, plotly.js included, so that it works without a network."""
    panels = [panel for make in PANELS if (panel := make(study)) is not None]
    parts = {
        "title": html.escape(pages.question([study.data.description])),
        "palette": pages.palette_css(),
        "answer": _answer(study),
        "notices": _notices(study),
        "split": _split(study),
        "ranking": ranking(study),
        "tabs": joined(_tab(panel) for panel in panels),
        "panels": joined(_panel(panel) for panel in panels),
        "charts": pages.embedded(json.dumps([asdict(chart) for chart in _charts(study)], allow_nan=False)),
    }
    return pages.filled("report.html", parts)


def _charts(study: Study) -> list[Chart]:
    chart = ratings_chart(study)
    return charts(study) if chart is None else [*charts(study), chart]


def _answer(study: Study) -> Html:
    first, others = study.answer[:1], study.answer[1:]
    others += study.ratings.answer[:1] if study.ratings is not None else ()
    return joined((tags("p", first, class_="answer"), tags("p", others, class_="more")))


def _notices(study: Study) -> Html:
    warnings = [_notice("Warning", sentence) for sentence in study.warnings]
    first, others = warnings[:WARNINGS_SHOWN], warnings[WARNINGS_SHOWN:]
    folded = tag("details", tag("summary", f"{len(others)} more warnings"), *others) if others else Html()
    leaks = (_leak_notice(finding) for finding in study.findings if finding.severity is Severity.LEAK)
    return joined((*first, folded, *leaks))


def _notice(word: str, *content: str) -> Html:
    return tag("p", tag("strong", word), " ", *content, class_="notice", role="note")


def _leak_notice(finding: Finding) -> Html:
    link = tag("a", "What it is and what mends it", href="#leakage")
    sentence = f"{finding.name}: the figures below are higher than they would be in use. "
    return _notice("Leak", sentence, link)


def _split(study: Study) -> Html:
    data = study.data
    counts = f"{data.n_ratings:,} ratings of {data.n_movies:,} movies by {data.n_users:,} users"
    sentence = study.split_summary.sentence(study.split.kind)
    return tag("p", f"{counts}. {sentence[:1].upper()}{sentence[1:]}.", class_="faint")


def _tab(panel: Panel) -> Html:
    attributes = {"id": f"tab-{panel.name}", "aria_controls": panel.name, "aria_selected": "false"}
    return tag("button", panel.tab, role="tab", type="button", **attributes)


def _panel(panel: Panel) -> Html:
    heading = tag("h2", panel.title)
    return tag("section", heading, panel.body, id=panel.name, class_="panel", aria_label=panel.title)
