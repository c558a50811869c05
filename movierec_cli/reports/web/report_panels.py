"""What stands behind each tab of the report."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from movierec_cli.config.command_options import options_of_command
from movierec_cli.config.train_options import Given, toml_of
from movierec_cli.data.dataset import Id
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.significance import LEVEL
from movierec_cli.experiment.study import Study, UserLists, settings_of
from movierec_cli.leakage.finding import Finding
from movierec_cli.recommend.recommend import Recommendations, RecommendedMovie
from movierec_cli.recommend.users import RatedMovie
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity
from movierec_cli.reports import ORDERED_BY, how_many, rated_or_known, star, study_tables
from movierec_cli.reports.web.charts import Chart
from movierec_cli.reports.web.markup import UNCOLOURED, Html, html_table, joined, tag, tags
from movierec_cli.text import listed

RATED_SHOWN = 10

_FAMILY = (
    "Holm's correction is over all pairs of models and all features together; significant is what has a"
    f" corrected p below {LEVEL} and an interval without 0."
)


@dataclass(frozen=True)
class Panel:
    """A part of the page behind a tab."""

    name: str
    tab: str
    title: str
    body: Html


def panels(study: Study, charts: Mapping[str, Chart]) -> list[Panel]:
    """In the order of the tabs, those for which the study has something."""
    found = (
        _ratings(study, charts.get("ratings-chart")),
        _epochs(study, charts.get("epochs-chart")),
        _features(study, charts.get("ablation-chart")),
        _differences(study),
        _segments(study),
        _more(study),
        _leakage(study),
        _recommendations(study),
        _reproduce(study),
    )
    return [panel for panel in found if panel is not None]


def figure(chart: Chart | None, label: str = "", note: str = "") -> Html:
    """A chart's place, the choice among its views where there are several, and what helps to read it."""
    if chart is None:
        return Html()
    choice = _choice(label, f"{chart.element}-view", list(chart.views), chart.shown)
    caption = tag("p", note, class_="note chart-note") if note else ""
    return joined((choice, tag("div", id=chart.element, class_="chart", role="img"), caption))


def _choice(label: str, element: str, names: Sequence[str], shown: str = "") -> Html:
    if len(names) < 2:
        return Html()
    options = (tag("option", name, value=name, selected=name == shown) for name in names)
    select = tag("select", *options, id=element, autocomplete="off")
    return tag("p", tag("label", label, select), class_="controls")


def _ratings(study: Study, chart: Chart | None) -> Panel | None:
    rated = study.ratings
    if rated is None:
        return None
    text = (
        "How far predicted ratings of the test set are off: root of the mean squared error and mean absolute "
        f"error, in {study.data.rating_unit}, lower is better, with 95 % intervals. Beside them is how the "
        "same models rank."
    )
    note = (
        "Filled points are on the front: no other model is better on both metrics. Bars are 95 % intervals. "
        "Beside each point: the weight of retrieval : that of rating. Dashed lines are baselines of rating "
        "and, where the view leaves them out, the best models with one task alone."
    )
    table = html_table(study_tables.ratings(study), element="ratings-table")
    pairs = html_table(study_tables.rating_differences(rated))
    body = [tags("p", rated.answer), tag("p", text), table, figure(chart, "Show ", note)]
    body += [tag("h3", "Differences"), pairs] if rated.differences else []
    return Panel("ratings", "Ratings", "How well ratings are predicted", joined(body))


def _epochs(study: Study, chart: Chart | None) -> Panel | None:
    if chart is None:
        return None
    note = (
        f"An open marker is the epoch whose model was kept: the best by {_chosen_by(study)} on "
        "validation. Thin lines are single seeds or folds, thick ones their mean. Press a name to hide or"
        " show its lines."
    )
    only_chart = tag("p", "This part is a chart and needs JavaScript.", class_="without-js")
    body = joined((figure(chart, "Validation ", note), only_chart))
    return Panel("epochs", "Epochs", "Accuracy over epochs", body)


def _chosen_by(study: Study) -> str:
    configs = [record.config for model in study.models for record in model.records if not model.is_baseline]
    monitored = listed(dict.fromkeys(config.monitor for config in configs))
    has_both = any(config.tasks and config.training and not config.training.monitor for config in configs)
    return (
        f"{monitored} and the error of predicted ratings, each where it is learned,"
        if has_both
        else monitored
    )


def _features(study: Study, chart: Chart | None) -> Panel:
    text = (
        "No two of the compared sets differ in one feature only, so the gain of a single feature is not "
        "known. Compare a set with the same set and one feature more."
    )
    if study.ablation:
        text = (
            "The gain averaged over the pairs of sets that differ only in the feature, with its 95 % "
            f"interval. A point is .01 of {study.headline}. {_FAMILY}"
        )
    gains = html_table(study_tables.gains(study)) if study.ablation else ""
    body = joined((tag("p", text), figure(chart), gains))
    return Panel("features", "Features", "What each feature adds", body)


def _differences(study: Study) -> Panel | None:
    if not study.differences:
        return None
    text = (
        f"How much the first is above the second on the same users, in points of {study.headline} "
        f"(.01 each), with 95 % intervals. {_FAMILY} The bars under "
        "one heading share a scale with 0 at the dashes."
    )
    table = html_table(study_tables.differences(study), kind="differences")
    return Panel("differences", "Differences", "Pairwise differences", joined((tag("p", text), table)))


def _segments(study: Study) -> Panel | None:
    rated = [segment for segment in study.segments if segment.n_ratings]
    if not rated:
        return None
    empty = [f"{one.dimension}: {one.name}" for one in study.segments if not one.n_ratings]
    text = (
        f"{study.headline} on segments of the test ratings{study_tables.of_fold(study)}. The colour is a"
        f" model's fraction of the segment's best, which is bold; there is none at {100 * UNCOLOURED:.0f} %"
        " of it or less."
    )
    text += f" No test rating is in {'; '.join(empty)}." if empty else ""
    table = html_table(study_tables.segments(study, rated), kind="heat")
    return Panel("segments", "Segments", "Accuracy by segment", joined((tag("p", text), table)))


def _more(study: Study) -> Panel:
    text = (
        f"Top-k accuracy is the fraction of test ratings whose {study.data.noun} is among the k ranked "
        "first, each rating counting alike."
    )
    tables = (
        study_tables.accuracy(study.models, masked=True),
        study_tables.accuracy(study.models, masked=False),
        study_tables.beyond_accuracy(study),
        study_tables.costs(study.models),
    )
    body = [joined((tag("h3", table.title), html_table(table))) for table in tables if table.columns]
    return Panel("more", "More numbers", "More numbers", joined((tag("p", text), *body)))


def _leakage(study: Study) -> Panel:
    found = joined(map(_finding, study.findings)) or tag("p", "The checks for leakage found nothing.")
    return Panel("leakage", "Leakage", "Is a result too good to be true?", found)


def _finding(finding: Finding) -> Html:
    severity = tag("span", finding.severity.capitalize(), class_=f"severity {finding.severity}")
    remedy = tag("p", "Mended by ", tag("code", finding.remedy)) if finding.remedy else ""
    heading = tag("h3", severity, " ", finding.name)
    return tag("article", heading, tag("p", finding.sentence), remedy, class_="finding")


def _recommendations(study: Study) -> Panel | None:
    users = study.user_lists
    if not users:
        return None
    text = f"What each model recommends to a user, beside what the user {rated_or_known(study.data)}. "
    bold = "Bold: no other model's list has it."
    several = any(len(user.recommended) > 1 for user in users)
    selector = _choice("User ", "user", [str(user.user_id) for user in users])
    labels = {record.name: one.label for one in study.models for record in one.records}
    lists = (user_lists(user, labels, study.data) for user in users)
    body = joined((tag("p", text + (bold if several else "")), selector, *lists))
    return Panel("recommendations", "Recommendations", "What the models recommend", body)


def user_lists(user: UserLists, labels: Mapping[str, str], data: DataIdentity) -> Html:
    """One user's ratings and every model's list, side by side where the screen is wide enough.

    The labels of the models are by the names of their runs.
    """
    n_lists = Counter(movie.movie_id for model in user.recommended for movie in model.movies)
    several = len(user.recommended) > 1
    alone = {movie_id for movie_id, n in n_lists.items() if n == 1 and several}
    models = [_recommended(labels.get(one.run_name, one.label), one, alone, data) for one in user.recommended]
    lists = tag("div", _rated(user, data), *models, class_="lists")
    return tag("section", tag("h3", f"User {user.user_id}"), lists, class_="user", data_user=user.user_id)


def _rated(user: UserLists, data: DataIdentity) -> Html:
    shown = user.rated[:RATED_SHOWN]
    title = f"{rated_or_known(data).capitalize()} {how_many(len(user.rated), len(shown), data)}"
    rows = (_rated_movie(movie, data) for movie in shown)
    return tag("section", tag("h4", title), tag("ul", *rows), class_="rated")


def _rated_movie(movie: RatedMovie, data: DataIdentity) -> Html:
    name = tag("span", movie.shown_title, _genres(movie.genres))
    if movie.rating is None:
        return tag("li", name)
    return tag("li", tag("span", f"{movie.rating:g}{star(data)}", class_="stars"), name)


def _recommended(label: str, model: Recommendations, in_one_list: set[Id], data: DataIdentity) -> Html:
    rows = (
        tag(
            "li",
            tag("strong" if movie.movie_id in in_one_list else "span", movie.shown_title),
            tag("small", "new: not rated yet") if movie.is_new else Html(),
            _details(movie, data),
        )
        for movie in model.movies
    )
    return tag("section", tag("h4", f"{label}{ORDERED_BY[model.rank_by]}"), tag("ol", *rows))


def _details(movie: RecommendedMovie, data: DataIdentity) -> Html:
    if movie.stars is None:
        return _genres(movie.genres)
    parts = (f"{movie.stars:.1f}{star(data)} predicted", ", ".join(movie.genres))
    return tag("small", " · ".join(part for part in parts if part))


def _genres(genres: Sequence[str]) -> Html:
    return tag("small", ", ".join(genres)) if genres else Html()


def _reproduce(study: Study) -> Panel:
    """The command, the data, the settings, the versions and the runs."""
    records = [record for model in study.models for record in model.records]
    data = study.data
    facts = {
        "data set": f"{data.name}: {data.description}",
        "fingerprint (SHA-256)": data.fingerprint,
        "ratings": study_tables.counts(data),
    }
    split = {f"split {name}": value for name, value in asdict(study.split).items()}
    each = [split, *(settings_of(record.config) for record in records)]
    settings = _distinct({name: _text(value) for name, value in one.items()} for one in each)
    shown = {name.replace("_", " "): value for name, value in settings.items() if name not in _BY_RUN}
    runs = study_tables.runs(study)
    parts = {
        "Command": _command(" && ".join(study.commands)) if study.commands else "",
        "File": _file(study.commands),
        "Data": _facts(facts),
        "Settings": _facts(shown),
        "Versions": _facts(_distinct(record.versions for record in records)),
        runs.title: html_table(runs, kind="plain") if runs.rows else "",
    }
    body = joined(joined((tag("h3", title), body)) for title, body in parts.items() if body)
    return Panel("reproduce", "Reproduce", "How to reproduce", body)


_BY_RUN = ("seed", "split fold")  # these stand with each run


def _command(command: str) -> Html:
    # A line must not break at a hyphen: options begin with two.
    words = Html(" ").join(tags("span", [word]) for word in command.split(" "))
    return to_copy("Command", Html(words))


def to_copy(name: str, text: str) -> Html:
    """Text with a button that copies it; the name is its heading, in lower case its id."""
    button = tag("button", "Copy", type="button", class_="copy", data_copy=name.lower())
    code = tag("code", text, id=name.lower())
    pre = tag("pre", code, tabindex="0", role="region", aria_label=name)
    return tag("div", pre, button, class_="code")


def _file(commands: Sequence[str]) -> Html:
    """The same as a file, where one command trained all."""
    given = [options for options in map(_options, commands) if options]
    if len(given) != 1 or len(commands) != 1:
        return Html()
    note = tag("p", "The same options, for ", tag("code", "movierec train --config FILE"), class_="note")
    return joined((note, to_copy("File", toml_of(given[0]).rstrip())))


def _options(command: str) -> Given:
    """None of a command that does not train, or of another version."""
    try:
        return options_of_command(command) if _TRAINS.match(command) else {}
    except (UsageError, ValueError):
        return {}


_TRAINS = re.compile(r"movierec (train |-)")


def _distinct(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The values of each name, those that differ side by side."""
    found: dict[str, dict[str, None]] = {}
    for one in several:
        for name, value in one.items():
            found.setdefault(name, {})[value] = None
    return {name: " / ".join(values) for name, values in found.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return "automatic" if value is None else str(value)


def _facts(facts: Mapping[str, str]) -> Html:
    pairs = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items())
    return tag("dl", *pairs) if facts else Html()
