"""The report's tables: ranking, gains, differences, segments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.significance import LEVEL, Interval, PairedDifference
from movierec_cli.evaluation.top_k import TopK
from movierec_cli.experiment.study import ComparedModel, Segment, Study
from movierec_cli.reports.web.markup import Html, joined, tag, tags
from movierec_cli.reports.web.report_figures import metric_names, model_colour
from movierec_cli.reports.web.report_numbers import (
    NONE,
    number,
    points,
    points_spread,
    probability,
    spread,
)

UNCOLOURED = 0.7
"""The share of a segment's best at which, and below which, a cell has no colour."""


def scrolling(table: Html, label: str) -> Html:
    """A table that scrolls inside its own box, with the keyboard too."""
    return tag("div", table, class_="scroll", role="region", aria_label=label, tabindex="0")


def ranking(study: Study) -> Html:
    """Contenders by metrics, the headline's best on top, the baselines in a part of their own."""
    names = metric_names(study)
    headers = (_sort_header(name, study.headline) for name in ("model", *names))
    header = tag("tr", *headers)
    best = {name: _best(study.models, name) for name in names}
    parts = (("Trained models", False), ("Baselines: models to be beaten", True))
    bodies = [_ranking_body(study, title, is_baseline, best) for title, is_baseline in parts]
    return scrolling(tag("table", tag("thead", header), *bodies, id="ranking"), "Ranking")


def _sort_header(name: str, headline: str) -> Html:
    sort = "descending" if name == headline else "none"
    button = tag("button", name, tag("span", class_="arrow", aria_hidden="true"), type="button")
    return tag("th", button, scope="col", aria_sort=sort, class_="headline" if name == headline else None)


def _best(models: Sequence[ComparedModel], name: str) -> float | None:
    return _best_of(model.metrics[name].mean for model in models if name in model.metrics)


def _best_of(values: Iterable[float]) -> float | None:
    """The highest, where there are two to compare."""
    known = [value for value in values if not math.isnan(value)]
    return None if len(known) < 2 else max(known)


def _ranking_body(study: Study, title: str, is_baseline: bool, best: dict[str, float | None]) -> Html:
    numbered = [pair for pair in enumerate(study.models) if pair[1].is_baseline == is_baseline]
    if not numbered:
        return Html()
    heading = tag("th", title, colspan=len(best) + 1, scope="rowgroup")
    rows = sorted(numbered, key=lambda pair: _order(pair[1], study.headline))
    contents = [_ranking_row(index, model, best) for index, model in rows]
    kind = "baselines" if is_baseline else None
    return tag("tbody", tag("tr", heading, class_="group"), *contents, class_=kind)


def _order(model: ComparedModel, metric: str) -> float:
    mean = model.metrics[metric].mean if metric in model.metrics else math.nan
    return math.inf if math.isnan(mean) else -mean


def _ranking_row(index: int, model: ComparedModel, best: dict[str, float | None]) -> Html:
    cells = [_interval_cell(model.metrics.get(name), top) for name, top in best.items()]
    return tag("tr", model_header(index, model), *cells)


def model_header(index: int, model: ComparedModel, scope: str = "row") -> Html:
    """The contender's name beside its colour in the charts, and how many seeds it is a mean of."""
    kind = "mark hollow" if model.is_baseline else "mark"
    mark = tag("span", class_=kind, style=f"--colour:var({model_colour(model, index)})")
    n = len(model.records)
    seeds = tag("small", f"mean of {n} seeds") if n > 1 and scope == "row" else ""
    return tag("th", mark, tag("span", model.label), seeds, scope=scope, data_value=model.label)


def _interval_cell(interval: Interval | None, best: float | None) -> Html:
    if interval is None or math.isnan(interval.mean):
        return tag("td", NONE)
    mean = tag("strong" if interval.mean == best else "span", number(interval.mean))
    return tag("td", mean, tag("small", spread(interval)), data_value=interval.mean)


def top_k(study: Study, values: Callable[[TopK], dict[int, float]], label: str) -> Html:
    """Top-k accuracy of each contender."""
    columns = {
        k: [values(model.top_k).get(k, math.nan) for model in study.models] for k in _ks(study, values)
    }
    return _figures(study, {f"top-{k}": column for k, column in columns.items()}, label, highest_is_best=True)


def _ks(study: Study, values: Callable[[TopK], dict[int, float]]) -> list[int]:
    return sorted({k for model in study.models for k in values(model.top_k)})


def beyond_accuracy(study: Study) -> Html:
    """What is recommended: more or less of it is a matter of taste, so nothing is best."""
    names = dict.fromkeys(name for model in study.models for name in model.beyond)
    columns = {name: [one.beyond.get(name, math.nan) for one in study.models] for name in names}
    return _figures(study, columns, "What is recommended", highest_is_best=False)


def _figures(
    study: Study, columns: Mapping[str, Sequence[float]], label: str, *, highest_is_best: bool
) -> Html:
    """Contenders by columns of plain figures; nothing where there is no column."""
    best = {name: _best_of(values) if highest_is_best else None for name, values in columns.items()}
    rows = [
        tag(
            "tr",
            model_header(index, model),
            *(_figure_cell(values[index], best[name]) for name, values in columns.items()),
        )
        for index, model in enumerate(study.models)
    ]
    return scrolling(_table(("model", *columns), rows), label) if columns else Html()


def _figure_cell(value: float, best: float | None) -> Html:
    return tag("td", tag("strong" if value == best else "span", number(value)))


def gains(study: Study) -> Html:
    """What each feature adds, in words and numbers."""
    rows = [_gain_row(gain) for gain in sorted(study.ablation, key=lambda gain: -gain.gain.mean)]
    headers = ("feature", f"gain, points of {study.headline}", "pairs of sets", "verdict")
    return scrolling(_table(headers, rows, "verdicts"), "Gain of each feature")


def _gain_row(gain: FeatureGain) -> Html:
    return tag(
        "tr",
        tag("th", gain.feature, scope="row"),
        tag("td", tag("span", points(gain.gain.mean)), tag("small", points_spread(gain.gain))),
        tag("td", str(gain.n_pairs)),
        tag("td", _gain_verdict(gain.gain), class_="words"),
    )


def _gain_verdict(gain: Interval) -> str:
    if gain.low > 0:
        return "helps"
    return "hurts" if gain.high < 0 else "not told apart from 0"


def differences(study: Study) -> Html:
    """All pairs that were compared: between trained sets, then against baselines."""
    baselines = {model.label for model in study.models if model.is_baseline}
    parts = {
        "Between trained models": [pair for pair in study.differences if not {pair.a, pair.b} & baselines],
        "Against baselines": [pair for pair in study.differences if {pair.a, pair.b} & baselines],
    }
    bodies = [
        tag(
            "tbody",
            tag("tr", tag("th", title, colspan=6, scope="rowgroup"), class_="group"),
            *_difference_rows(pairs),
        )
        for title, pairs in parts.items()
        if pairs
    ]
    headers = ("pair", f"difference, points of {study.headline}", "", "p, Holm", "p", "verdict")
    head = tag("thead", tag("tr", tags("th", headers, scope="col")))
    return scrolling(tag("table", head, *bodies, class_="differences verdicts"), "Pairwise differences")


def _difference_rows(pairs: Sequence[PairedDifference]) -> list[Html]:
    bar = _bar_drawer(pairs)
    return [_difference_row(pair, bar) for pair in pairs]


def _difference_row(pair: PairedDifference, bar: Callable[[Interval], Html]) -> Html:
    name = joined((pair.a, " ", tag("span", "against", class_="faint"), " ", pair.b))
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", tag("span", points(pair.difference.mean)), tag("small", points_spread(pair.difference))),
        tag("td", bar(pair.difference), class_="bar"),
        tag("td", probability(pair.p_holm)),
        tag("td", probability(pair.p_value)),
        tag("td", _verdict(pair), class_="words"),
    )


def _verdict(pair: PairedDifference) -> str:
    if not pair.p_holm < LEVEL or pair.difference.low <= 0 <= pair.difference.high:
        return "not told apart"
    return "higher" if pair.difference.mean > 0 else "lower"


def _bar_drawer(pairs: Sequence[PairedDifference]) -> Callable[[Interval], Html]:
    """Draws intervals on one scale with zero on it, so that rows can be compared by eye."""
    ends = [end for pair in pairs for end in (pair.difference.low, pair.difference.high)]
    known = [0.0, *(end for end in ends if not math.isnan(end))]
    low, width = min(known), (max(known) - min(known)) or 1.0

    def place(value: float) -> float:
        return round(4 + 152 * (value - low) / width, 1)

    def draw(interval: Interval) -> Html:
        if math.isnan(interval.low) or math.isnan(interval.high):
            return Html()
        zero = tag("line", x1=place(0), x2=place(0), y1=0, y2=16, class_="zero")
        line = tag("line", x1=place(interval.low), x2=place(interval.high), y1=8, y2=8)
        dot = tag("circle", cx=place(interval.mean), cy=8, r=3.5)
        return tag("svg", zero, line, dot, viewBox="0 0 160 16", aria_hidden="true")

    return draw


def segments(study: Study) -> Html:
    """Segments with test ratings by contenders, each cell coloured by its share of the segment's best."""
    heads = (model_header(*pair, scope="col") for pair in enumerate(study.models))
    head = tag("thead", tag("tr", tag("th", "segment", scope="col"), *heads))
    rated = (segment for segment in study.segments if segment.n_ratings)
    groups = itertools.groupby(rated, key=lambda segment: segment.dimension)
    bodies = [
        tag(
            "tbody",
            tag("tr", _group_header(dimension, len(study.models)), class_="group"),
            *(_segment_row(segment, study.models) for segment in rows),
        )
        for dimension, rows in groups
    ]
    return scrolling(tag("table", head, *bodies, class_="heat"), "Accuracy by segment")


def _group_header(dimension: str, n_contenders: int) -> Html:
    return tag("th", tag("span", dimension), colspan=n_contenders + 1, scope="rowgroup")


def _segment_row(segment: Segment, models: Sequence[ComparedModel]) -> Html:
    values = [math.nan if value is None else value for value in segment.accuracy]
    best = max((value for value in values if not math.isnan(value)), default=math.nan)
    size = f"{_counted(segment.n_users, 'user')}, {_counted(segment.n_ratings, 'test rating')}"
    header = tag("th", segment.name, tag("small", size), scope="row")
    pairs = zip(values, models, strict=True)
    return tag(
        "tr",
        header,
        *(_heat_cell(value, best, f"{owner.label}, {segment.name}: {size}") for value, owner in pairs),
    )


def _heat_cell(value: float, best: float, hint: str) -> Html:
    if math.isnan(value):
        return tag("td", NONE, title=hint)
    text = tag("strong" if value == best else "span", f"{value:.3f}")
    return tag("td", text, title=hint, style=f"--heat-share:{_heat(value, best):.0f}%")


def _heat(value: float, best: float) -> float:
    """How strongly a cell is coloured, 0 … 100: fully at the segment's best."""
    return 0.0 if best <= 0 else 100 * max(0.0, (value / best - UNCOLOURED) / (1 - UNCOLOURED))


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _table(headers: Sequence[str], rows: Sequence[Html], kind: str | None = None) -> Html:
    head = tag("thead", tag("tr", tags("th", headers, scope="col")))
    return tag("table", head, tag("tbody", *rows), class_=kind)


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> Html:
    """A table of texts, the first of each row its header."""
    contents = [tag("tr", tag("th", first, scope="row"), tags("td", rest)) for first, *rest in rows]
    return scrolling(_table(headers, contents, "plain"), label)
