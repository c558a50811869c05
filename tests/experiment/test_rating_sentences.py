"""What is said of predicted ratings: the best model, whether that is significant, what two tasks cost."""

from dataclasses import replace

import pytest

from movierec_cli.config import Family, SplitConfig
from movierec_cli.experiment.rating_sentences import rating_answer
from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel
from movierec_cli.registry.record import RunConfig
from tests.experiment.compared_models import HEADLINE, compared, differences, interval
from tests.saved_runs import multi_task_config, run_config, run_record

MF, BIAS = Family.BIASED_MF, Family.RATING_BIAS


def rated(config: RunConfig, rmse: float) -> ComparedRatingModel:
    return ComparedRatingModel(
        label=config.label,
        family=config.family,
        records=(run_record(config=config),),
        rmse=interval(rmse, 0.006),
        mae=interval(0.8 * rmse, 0.005),
        is_on_front=False,
    )


def joint(rmse: float, *features: str, retrieval: float = 1.0, rating: float = 0.3) -> ComparedRatingModel:
    return rated(multi_task_config(*features, retrieval=retrieval, rating=rating), rmse)


def baseline(family: Family, rmse: float) -> ComparedRatingModel:
    return rated(RunConfig(family=family, split=SplitConfig()), rmse)


def ranked(recall: float, one: ComparedRatingModel) -> ComparedModel:
    return compared(one.records[0].config, recall, half=0.005)


def two_tower(recall: float, *features: str) -> ComparedModel:
    """Trained as the joint models are, which is what makes it their specialist."""
    return compared(replace(run_config(*features), model=multi_task_config().model), recall, half=0.005)


def said(
    models: list[ComparedRatingModel], ranking: list[ComparedModel] | None = None, half: float = 0.002
) -> tuple[str, ...]:
    """The answer where every difference has an interval of so much either way, and a p that fits."""
    ranking = ranking or []
    rmse = {one.label: one.rmse.mean for one in models}
    recall = {one.label: one.metrics[HEADLINE].mean for one in ranking}
    return rating_answer(models, differences(rmse, half), ranking, differences(recall, half), HEADLINE)


def test_a_model_that_beats_the_best_baseline_is_significantly_less_off() -> None:
    (sentence,) = said([joint(0.91), joint(0.9, "timestamp"), baseline(BIAS, 0.95), baseline(MF, 0.92)])
    assert sentence == (
        "Ratings are predicted best by timestamp (retrieval × 1, rating × 0.3): it is off by 0.900 stars"
        " (RMSE, 95 % CI 0.894 … 0.906; MAE 0.720), 0.020 stars (95 % CI 0.018 … 0.022) less than biased MF,"
        " the best rating baseline."
    )


@pytest.mark.parametrize(
    ("rmse", "words"), [(0.919, "is not significant"), (0.93, "0.010 stars (95 % CI 0.008 … 0.012) more")]
)
def test_what_does_not_beat_the_best_baseline_is_said_not_to(rmse: float, words: str) -> None:
    (alone,) = said([joint(rmse), baseline(MF, 0.92)])
    assert alone.startswith(
        "None (retrieval × 1, rating × 0.3) does not beat biased MF at predicting ratings: it is off"
    )
    (several,) = said([joint(0.94), joint(rmse, "timestamp"), baseline(MF, 0.92), baseline(BIAS, 0.99)])
    assert several.startswith("No model here beats biased MF at predicting ratings: timestamp (")
    assert words in alone and words in several


def test_no_significance_is_said_with_the_sign_of_the_difference() -> None:
    (sentence,) = said([joint(0.919), baseline(MF, 0.92)])
    assert sentence.endswith(
        "its difference from biased MF is not significant (−0.001 stars, 95 % CI −0.003 … +0.001, p = 0.40)."
    )


def test_without_baselines_or_models_the_best_of_what_is_there_is_named() -> None:
    assert said([joint(0.91)])[0].endswith("there is no rating baseline to compare it with.")
    assert said([baseline(BIAS, 0.95), baseline(MF, 0.92)]) == (
        "No trained model here predicts ratings; of the baselines, biased MF is off by 0.920 stars (RMSE,"
        " 95 % CI 0.914 … 0.926; MAE 0.736).",
    )


def test_a_joint_model_stands_beside_both_of_its_specialists() -> None:
    rating, retrieval = joint(0.905, retrieval=0.0, rating=1.0), joint(1.1, rating=0.0)
    both = joint(0.91)
    ranking = [ranked(0.2, rating), ranked(0.48, retrieval), ranked(0.47, both)]
    sentence = said([rating, retrieval, both], ranking)[1]
    assert sentence == (
        "Both tasks in one model, None (retrieval × 1, rating × 0.3): its RMSE is 0.005 stars (95 % CI"
        " 0.003 … 0.007) above that of rating alone; its recall@100 is 1.0 points (95 % CI 0.8 … 1.2) below"
        " that of retrieval alone."
    )


def test_what_cannot_be_told_from_a_specialist_is_said_so_whichever_way_the_pair_stands() -> None:
    rating, retrieval = joint(0.909, retrieval=0.0, rating=1.0), joint(1.1, rating=0.0)
    both = joint(0.91)
    ranking = [ranked(0.2, rating), ranked(0.469, retrieval), ranked(0.47, both)]
    for order in (1, -1):
        sentence = said([rating, retrieval, both][::order], ranking[::order])[1]
        assert "its RMSE does not differ significantly from that of rating alone (+0.001 stars" in sentence
        assert (
            "its recall@100 does not differ significantly from that of retrieval alone (+0.1 points"
            in sentence
        )


def test_the_best_specialists_and_the_most_balanced_joint_model_are_compared() -> None:
    ratings = [joint(0.92, retrieval=0.0, rating=0.1), joint(0.905, retrieval=0.0, rating=1.0)]
    joints = [joint(0.95, rating=0.1), joint(0.91, rating=0.3), joint(0.909, rating=1.0)]
    recalls = [0.2, 0.2, 0.48, 0.475, 0.4]
    ranking = [ranked(recall, one) for recall, one in zip(recalls, ratings + joints, strict=True)]
    (sentence,) = said(ratings + joints, ranking)[1:]
    assert "rating × 0.3)" in sentence and "its RMSE is 0.005 stars" in sentence
    assert HEADLINE not in sentence


def test_a_model_without_ratings_is_the_specialist_of_its_own_feature_set_only() -> None:
    joints = [joint(0.91), joint(0.9, "timestamp")]
    ranking = [two_tower(0.48), *(ranked(0.47, one) for one in joints), two_tower(0.5, "movie_genres")]
    (sentence,) = said(joints, ranking)[1:]
    assert sentence.startswith("Both tasks in one model, None (")
    assert "below that of retrieval alone" in sentence
