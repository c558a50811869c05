"""The report's tables of predicted ratings."""

from __future__ import annotations

from collections.abc import Sequence

from movierec_cli.evaluation.significance import LEVEL, Interval, PairedDifference
from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, RatingStudy, Study
from movierec_cli.reports.web.markup import Html, tag, tags
from movierec_cli.reports.web.report_numbers import NONE, number, probability, signed, spread
from movierec_cli.reports.web.report_tables import model_header, scrolling

SHOWN_KS = (10, 100)
"""At which top-k accuracy among unseen movies stands beside the errors."""

FRONT_MARK = "●"


def ratings(study: Study, rated: RatingStudy) -> Html:
    """Errors in stars beside how the same models rank, lowest RMSE first; baselines apart."""
    ranked = {one.label: (index, one) for index, one in enumerate(study.models)}
    ks = [k for k in SHOWN_KS if all(k in one.top_k.unseen for one in study.models)]
    headers = ("model", "RMSE", "MAE", *(f"top-{k}" for k in ks), study.headline, "front")
    parts = (("Models that predict ratings", False), ("Baselines: models to be beaten", True))
    bodies = []
    for title, is_baseline in parts:
        own = [one for one in rated.models if one.is_baseline == is_baseline]
        rows = [_row(one, rated, ranked.get(one.label), ks, study.headline) for one in sorted(own, key=_rmse)]
        group = tag("tr", tag("th", title, colspan=len(headers), scope="rowgroup"), class_="group")
        bodies += [tag("tbody", group, *rows, class_="baselines" if is_baseline else None)] if rows else []
    head = tag("thead", tag("tr", tags("th", headers, scope="col")))
    return scrolling(tag("table", head, *bodies, id="ratings-table"), "Predicted ratings")


def _rmse(one: ComparedRatingModel) -> float:
    return one.rmse.mean


def _row(
    one: ComparedRatingModel,
    rated: RatingStudy,
    ranked: tuple[int, ComparedModel] | None,
    ks: Sequence[int],
    headline: str,
) -> Html:
    lowest = [min(interval.mean for interval in column) for column in _columns(rated.models)]
    errors = (_interval_cell(own, best) for own, best in zip((one.rmse, one.mae), lowest, strict=True))
    if ranked is None:
        header, ranks = tag("th", one.label, scope="row"), [NONE] * (len(ks) + 1)
    else:
        index, model = ranked
        figures = [*(model.top_k.unseen[k] for k in ks), model.metrics[headline].mean]
        header, ranks = model_header(index, model), list(map(number, figures))
    front = tag("td", FRONT_MARK if one.is_on_front else "", aria_label="yes" if one.is_on_front else "no")
    return tag("tr", header, *errors, tags("td", ranks), front)


def _columns(models: Sequence[ComparedRatingModel]) -> tuple[list[Interval], list[Interval]]:
    return [one.rmse for one in models], [one.mae for one in models]


def _interval_cell(interval: Interval, best: float) -> Html:
    mean = tag("strong" if interval.mean == best else "span", number(interval.mean))
    return tag("td", mean, tag("small", spread(interval)))


def differences(rated: RatingStudy) -> Html:
    """All pairs that were compared, in stars of RMSE: below 0 is better."""
    headers = ("pair", "difference of RMSE, stars", "p, Holm", "p", "verdict")
    head = tag("thead", tag("tr", tags("th", headers, scope="col")))
    body = tag("tbody", *map(_difference_row, rated.differences))
    return scrolling(tag("table", head, body, class_="verdicts"), "Differences of RMSE")


def _difference_row(pair: PairedDifference) -> Html:
    found = pair.difference
    size = (tag("span", signed(found.mean)), tag("small", f"{signed(found.low)} … {signed(found.high)}"))
    return tag(
        "tr",
        tag("th", pair.a, " ", tag("span", "against", class_="faint"), " ", pair.b, scope="row"),
        tag("td", *size),
        tag("td", probability(pair.p_holm)),
        tag("td", probability(pair.p_value)),
        tag("td", _verdict(pair), class_="words"),
    )


def _verdict(pair: PairedDifference) -> str:
    if not pair.p_holm < LEVEL or pair.difference.low <= 0 <= pair.difference.high:
        return "not told apart"
    return "better: off by less" if pair.difference.mean < 0 else "worse: off by more"
