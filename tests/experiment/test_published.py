"""A preset's published figures beside what its models reached, and where there are none."""

from dataclasses import replace

import pytest

from movierec_cli.config import NO_FEATURES, TowerConfig
from movierec_cli.config.presets import PRESETS, PUBLISHED, Figure, Preset
from movierec_cli.evaluation.metrics import TopK
from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.published import beside_published, published_text
from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, RatingStudy, Study
from tests.reports.studies import study


def reached(figures: tuple[Figure, ...], dataset: str) -> Study:
    """A study of these figures' models, in another order; the n-th has a top-k of n / 10 and an RMSE of n."""
    invented = study(n_seeds=1)
    ranked, rated = [], []
    for number, one in reversed(list(enumerate(figures))):
        record = invented.models[0].records[0]
        wanted = {"feature_set": one.feature_set, "model": one.model, "tasks": one.tasks}
        records = (replace(record, config=replace(record.config, **wanted)),)
        common = {"label": f"model {number}", "family": record.config.family, "records": records}
        by_k = dict.fromkeys((1, 5, 10, 50, 100), number / 10)
        top_k = TopK(unseen={}, all=by_k, recall={})
        ranked.append(
            ComparedModel(**common, feature_set=one.feature_set, top_k=top_k, metrics={}, beyond={})
        )
        rmse = Interval(number, number, number)
        rated.append(ComparedRatingModel(**common, rmse=rmse, mae=rmse, is_on_front=True))
    return replace(
        invented,
        data=replace(invented.data, name=dataset),
        models=tuple(ranked),
        ratings=RatingStudy(answer=(), models=tuple(rated), differences=()),
    )


@pytest.mark.parametrize("preset", [one for one in Preset if PUBLISHED[one].figures])
def test_every_figure_is_of_a_model_of_the_preset_and_stands_beside_that_models(preset: Preset) -> None:
    settings, figures = PRESETS[preset], PUBLISHED[preset].figures
    for one in figures:
        assert one.feature_set in settings.feature_sets
        assert one.model in (settings.model, *settings.other_models)
        assert one.tasks in (settings.tasks or (None,))
    first = tuple({(one.feature_set, one.model, one.tasks): one for one in reversed(figures)}.values())[::-1]
    found = beside_published(preset, reached(first, settings.dataset))
    assert [one.published for one in found] == [figure.value for figure in figures]
    for one, figure in zip(found, figures, strict=True):
        number = int(one.model.removeprefix("model "))
        of = first[number]
        assert (of.feature_set, of.model, of.tasks) == (figure.feature_set, figure.model, figure.tasks)
        assert one.here == pytest.approx(number if figure.k is None else number / 10)


def test_a_figure_is_told_with_its_source_and_a_bound_as_such() -> None:
    figures = PUBLISHED[Preset.TFRS_DEEP].figures
    sentences = published_text(Preset.TFRS_DEEP, reached(figures, "100k"))
    assert sentences[1:] == [
        "model 1, top-100 accuracy over all movies: published 0.2900"
        " (tensorflow.org/recommenders/examples/deep_recommenders), here 0.1000",
        "model 2, top-100 accuracy over all movies: published at most 0.2700"
        " (tensorflow.org/recommenders/examples/deep_recommenders), here 0.2000",
    ]


def test_other_data_and_other_models_are_not_compared() -> None:
    figures = PUBLISHED[Preset.TFRS_CONTEXT].figures
    others = tuple(replace(one, model=TowerConfig(), feature_set=NO_FEATURES) for one in figures)
    for unlike in (reached(figures, "1m"), reached(others, "100k")):
        assert beside_published(Preset.TFRS_CONTEXT, unlike) == []
        (sentence,) = published_text(Preset.TFRS_CONTEXT, unlike)
        assert "examples/context_features are of other models or data" in sentence
    (sentence,) = published_text(Preset.ARTICLE, reached(figures, "1m"))
    assert "no figures of these six sets are known" in sentence
