"""A search as one web page: the answer and the finalists first, then the trials."""

from collections.abc import Mapping
from pathlib import Path

from movierec_cli.config.train_options import toml_of
from movierec_cli.experiment.proposals import IMPORTANCE_FROM
from movierec_cli.experiment.tuned import FamilySearch, Tuned
from movierec_cli.reports import tuning_tables
from movierec_cli.reports.study_tables import user_metrics
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.charts import Chart
from movierec_cli.reports.web.markup import Html, html_table, joined, tag, tags
from movierec_cli.reports.web.report_page import rendered
from movierec_cli.reports.web.report_panels import Panel, figure, to_copy
from movierec_cli.reports.web.tuning_charts import tuning_charts

_HISTORY = "A point is a trial; hollow ones were stopped early, as they were below the median at their epoch."
_IMPORTANCE = (
    "How much the values of each setting tell the better trials from the others (PED-ANOVA). It is about"
    " these trials and this space, not about models as such."
)
_ACROSS = "A line is a trial that finished, through its values; the row on top is how well it did."


def write_tuning_page(tuned: Tuned, file: Path) -> Path:
    """Writes the page of a search, as `pages.write_page` does."""
    return pages.write_page(tuning_page(tuned), file)


def tuning_page(tuned: Tuned) -> str:
    """The whole page, plotly.js included, so that it works without a network."""
    charts = [chart for search in tuned.searches for chart in tuning_charts(search, tuned.metric)]
    by_element = {chart.element: chart for chart in charts}
    description = tuned.data.description
    what = "Which settings are best?" if tuned.direction is None else "Which features are best?"
    first, *others = tuned.answer
    note = (
        "Means over the seeds on validation, which chose among them. Bold is the best of a column."
        " The winner on test, beside what the search began with, is behind the tab Test."
    )
    sentence = tuned.split_summary.sentence(tuned.split, tuned.data.noun, tuned.data.interactions)
    return rendered(
        title=f"{what} {description[:1].upper()}{description[1:]}",
        verdict=tag("p", first, class_="answer"),
        heading="Finalists",
        switch=Html(),
        numbers=joined((html_table(tuning_tables.finalists(tuned)), tag("p", note, class_="note"))),
        sentences=joined(
            (
                tags("p", others, class_="more"),
                tag("p", f"{sentence[:1].upper()}{sentence[1:]}.", class_="faint"),
            )
        ),
        drawn=Html(),
        panels=[*(_trials(one, tuned, by_element) for one in tuned.searches), _test(tuned), _train(tuned)],
        charts=charts,
    )


def _trials(search: FamilySearch, tuned: Tuned, charts: Mapping[str, Chart]) -> Panel:
    several = len(tuned.searches) > 1
    parts = {
        "History": ("history", _HISTORY),
        "Importance": ("importance", _IMPORTANCE),
        "Across the settings": ("across", _ACROSS),
    }
    drawn = [
        joined((tag("h3", title), figure(charts.get(f"{kind}-{search.family}"), note=note)))
        for title, (kind, note) in parts.items()
        if f"{kind}-{search.family}" in charts
    ]
    if search.space and not search.importance:
        few = f"What each setting matters is told once {IMPORTANCE_FROM} trials have finished and differ."
        drawn.append(tag("p", few, class_="note"))
    space = "; ".join(f"{name} {values}" for name, values in search.space.items())
    searched = tag("p", f"Searched: {space}.", class_="note") if space else Html()
    listed = html_table(tuning_tables.trials(search, tuned.metric))
    body = joined((searched, *drawn, tag("h3", "Every trial"), listed))
    tab = search.family.label if several else "Trials"
    return Panel(
        f"trials-{search.family}", tab, f"{len(search.trials)} trials of {search.family.label}", body
    )


def _test(tuned: Tuned) -> Panel:
    note = (
        f"Means over users who have training {tuned.data.interactions}s and over the seeds, with 95 %"
        " bootstrap intervals. Nothing was chosen by these figures."
    )
    body = joined((html_table(user_metrics(tuned.study)), tag("p", note, class_="note")))
    return Panel("test", "Test", "The winner on test", body)


def _train(tuned: Tuned) -> Panel:
    note = tag("p", "The options, for ", tag("code", "movierec train --config FILE"), class_="note")
    parts = (
        *((tag("h3", "Command"), to_copy("Command", tuned.command)) if tuned.command else ()),
        tag("h3", "File"),
        note,
        to_copy("File", toml_of(tuned.options).rstrip()),
    )
    return Panel("train", "Train it", "How to train the winner", joined(parts))
