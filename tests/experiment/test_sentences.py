"""The answer's sentences, word for word."""

import pytest

from movierec_cli.config import FEATURES, Family, SplitConfig, SplitKind
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.significance import Interval, PairedDifference
from movierec_cli.experiment.sentences import answer, warnings
from movierec_cli.experiment.study import ComparedModel
from movierec_cli.registry.record import RunConfig
from tests.experiment.compared_models import HEADLINE, compared
from tests.saved_runs import run_config, sequence_config

TEMPORAL = SplitConfig(kind=SplitKind.TEMPORAL)
RANDOM = SplitConfig(kind=SplitKind.RANDOM)
LEAVE_LAST = SplitConfig(kind=SplitKind.LEAVE_LAST)
ONE_SEED = (
    "Each set was trained once: the intervals cover which users are in the test set, not the "
    "randomness of the training; --seeds 3 covers both."
)


def feature_set(*features: str, mean: float, n_seeds: int = 3, metric: str = HEADLINE) -> ComparedModel:
    return compared(run_config(*features), mean, half=0.011, n_seeds=n_seeds, metric=metric)


def baseline(family: Family, mean: float, metric: str = HEADLINE) -> ComparedModel:
    return compared(RunConfig(family=family, split=SplitConfig()), mean, metric=metric)


def sequence(family: Family, *features: str, mean: float, n_seeds: int = 3) -> ComparedModel:
    return compared(sequence_config(*features, family=family), mean, half=0.011, n_seeds=n_seeds)


def apart(a: str, b: str, mean: float, low: float, high: float, p: float = 0.0001) -> PairedDifference:
    return PairedDifference(a, b, Interval(mean, low, high), p / 2, p)


TENURE = feature_set("timestamp", "user_tenure", mean=0.281)
TIME = feature_set("timestamp", mean=0.262)
GENRES = feature_set("movie_genres", mean=0.25)
TIME_GENRES = feature_set("timestamp", "movie_genres", mean=0.274)
IDS = feature_set("None", mean=0.24)
EASE = baseline(Family.EASE, 0.24)
RECENT = baseline(Family.RECENT_POPULARITY, 0.258)
RECENT_NAME, EASE_NAME = "recent popularity", "EASE"


def test_a_set_above_every_baseline_is_told_against_the_best_of_them():
    differences = [
        apart("timestamp + user_tenure", EASE_NAME, 0.041, 0.034, 0.048),
        apart("timestamp + user_tenure", RECENT_NAME, 0.023, 0.015, 0.031),
    ]
    assert answer([TENURE, EASE, RECENT], differences, [], TEMPORAL, HEADLINE) == (
        "On a temporal split, timestamp + user_tenure finds 28.1 % of what its users watch next among its "
        "100 best (recall@100, 95 % CI 27.0 … 29.2), 2.3 points (95 % CI 1.5 … 3.1) more than the best "
        "baseline, recent popularity.",
    )
    assert warnings([TENURE, EASE, RECENT], differences, HEADLINE) == ()


def test_of_one_baseline_none_is_the_best():
    differences = [apart(EASE_NAME, "timestamp", -0.022, -0.031, -0.013)]  # a pair may stand either way round
    assert answer([TIME, EASE], differences, [], TEMPORAL, HEADLINE) == (
        "On a temporal split, timestamp finds 26.2 % of what its users watch next among its 100 best "
        "(recall@100, 95 % CI 25.1 … 27.3), 2.2 points (95 % CI 1.3 … 3.1) more than the baseline EASE.",
    )


def test_a_baseline_that_no_set_beats_is_named_first():
    ease = baseline(Family.EASE, 0.287)
    differences = [
        apart("timestamp", EASE_NAME, -0.025, -0.029, -0.021),
        apart("timestamp", RECENT_NAME, 0.004, 0.001, 0.007),
        apart("timestamp + movie_genres", EASE_NAME, -0.013, -0.018, -0.008),
        apart("timestamp + movie_genres", RECENT_NAME, 0.016, 0.012, 0.02),
        apart("timestamp + movie_genres", "timestamp", 0.012, 0.008, 0.016),
    ]
    models = [TIME, TIME_GENRES, ease, RECENT]
    assert answer(models, differences, [], TEMPORAL, HEADLINE) == (
        "No feature set here beats EASE: on a temporal split, timestamp + movie_genres finds 27.4 % of what "
        "its users watch next among its 100 best (recall@100, 95 % CI 26.3 … 28.5), 1.3 points (95 % CI "
        "0.8 … 1.8) less than EASE.",
        "movie_genres adds +1.2 points of recall@100 (95 % CI 0.8 … 1.6) to timestamp.",
    )
    assert warnings(models, differences, HEADLINE) == (
        "'timestamp' does not beat EASE at recall@100: 26.2 % against 28.7 % (difference −2.5 points, "
        "95 % CI −2.9 … −2.1).",
        "'timestamp + movie_genres' does not beat EASE at recall@100: 27.4 % against 28.7 % (difference "
        "−1.3 points, 95 % CI −1.8 … −0.8).",
    )


def test_one_set_that_is_not_significantly_above_beats_nothing():
    differences = [
        apart("timestamp", EASE_NAME, 0.003, -0.002, 0.008, p=0.31),
        apart("timestamp", RECENT_NAME, 0.004, 0.001, 0.007, p=0.06),
    ]
    ease = baseline(Family.EASE, 0.259)
    assert answer([TIME, ease, RECENT], differences, [], LEAVE_LAST, HEADLINE) == (
        "timestamp does not beat EASE or recent popularity: on a leave-last split, it finds 26.2 % of the "
        "last movies of its users among its 100 best (recall@100, 95 % CI 25.1 … 27.3); its difference "
        "from EASE is not significant (+0.3 points, 95 % CI −0.2 … +0.8, p = 0.31).",
    )
    assert warnings([TIME, ease, RECENT], differences, HEADLINE) == (
        "'timestamp' does not beat EASE at recall@100: 26.2 % against 25.9 %, which is no "
        "significant difference (+0.3 points, 95 % CI −0.2 … +0.8, p = 0.31).",
        "'timestamp' does not beat recent popularity at recall@100: 26.2 % against 25.8 %, which is no "
        "significant difference (+0.4 points, 95 % CI +0.1 … +0.7, p = 0.060 after Holm's correction).",
    )


def test_sets_that_beat_different_baselines_beat_not_every_one():
    differences = [
        apart("timestamp", EASE_NAME, 0.022, 0.018, 0.026),
        apart("timestamp", RECENT_NAME, 0.004, -0.001, 0.009, p=0.2),
        apart("movie_genres", EASE_NAME, 0.01, -0.001, 0.021, p=0.2),
        apart("movie_genres", RECENT_NAME, 0.002, 0.001, 0.003),
        apart("timestamp", "movie_genres", 0.012, -0.003, 0.027, p=0.2),
    ]
    first, second = answer([TIME, GENRES, EASE, RECENT], differences, [], TEMPORAL, HEADLINE)
    assert first == (
        "No feature set here beats every baseline: on a temporal split, timestamp finds 26.2 % of what its "
        "users watch next among its 100 best (recall@100, 95 % CI 25.1 … 27.3); its difference from "
        "recent popularity is not significant (+0.4 points, 95 % CI −0.1 … +0.9, p = 0.20)."
    )
    assert second == (
        "Of the 2 feature sets here, timestamp has the highest recall@100, but its lead over movie_genres "
        "is not significant (+1.2 points, 95 % CI −0.3 … +2.7, p = 0.20)."
    )


def test_a_set_surely_above_the_baselines_goes_before_a_higher_one_that_may_be_lucky():
    lucky = feature_set("movie_genres", mean=0.27)
    differences = [
        apart("timestamp", EASE_NAME, 0.022, 0.018, 0.026),
        apart("movie_genres", EASE_NAME, 0.03, -0.001, 0.061, p=0.06),
        apart("movie_genres", "timestamp", 0.008, -0.02, 0.036, p=0.6),
    ]
    told = answer([lucky, TIME, EASE], differences, [], TEMPORAL, HEADLINE)
    assert told[0].startswith("On a temporal split, timestamp finds 26.2 %")


def test_every_feature_is_told_once_for_each_set_it_is_added_to():
    differences = [
        apart("timestamp", "None", 0.022, 0.018, 0.026),
        apart("movie_genres", "None", 0.01, -0.001, 0.021, p=0.41),
        apart("timestamp + movie_genres", "timestamp", -0.005, -0.008, -0.002, p=0.004),
        apart("timestamp + movie_genres", "movie_genres", 0.024, 0.021, 0.027),
        apart("timestamp + movie_genres", "None", 0.034, 0.03, 0.038),
        apart("timestamp", "movie_genres", 0.012, 0.009, 0.015),
    ]
    gains = [
        FeatureGain(feature=FEATURES["timestamp"], gain=Interval(0.023, 0.02, 0.026), n_pairs=2),
        FeatureGain(feature=FEATURES["movie_genres"], gain=Interval(0.0025, -0.001, 0.006), n_pairs=2),
    ]
    _, *told = answer([IDS, TIME, GENRES, TIME_GENRES], differences, gains, TEMPORAL, HEADLINE)
    assert told == [
        "Averaged over the 2 pairs of sets that differ only in it, timestamp adds +2.3 points of recall@100 "
        "(95 % CI 2.0 … 2.6).",
        "Averaged over the 2 pairs of sets that differ only in it, movie_genres makes no significant "
        "difference (+0.2 points of recall@100, 95 % CI −0.1 … +0.6).",
        "timestamp adds +2.2 points of recall@100 (95 % CI 1.8 … 2.6) to None (ids alone).",
        "timestamp adds +2.4 points of recall@100 (95 % CI 2.1 … 2.7) to movie_genres.",
        "movie_genres makes no significant difference to None (ids alone) (+1.0 points of "
        "recall@100, 95 % CI −0.1 … +2.1, p = 0.41).",
        "movie_genres takes 0.5 points of recall@100 (95 % CI 0.2 … 0.8) from timestamp.",
    ]


def test_a_gain_of_one_pair_is_not_told_twice():
    gain = FeatureGain(feature=FEATURES["timestamp"], gain=Interval(0.022, 0.018, 0.026), n_pairs=1)
    differences = [apart("timestamp", "None", 0.022, 0.018, 0.026)]
    _, *told = answer([IDS, TIME], differences, [gain], TEMPORAL, HEADLINE)
    assert told == ["timestamp adds +2.2 points of recall@100 (95 % CI 1.8 … 2.6) to None (ids alone)."]


def test_an_average_that_is_a_loss():
    gain = FeatureGain(feature=FEATURES["timestamp"], gain=Interval(-0.022, -0.026, -0.018), n_pairs=3)
    _, told = answer([TIME], [], [gain], TEMPORAL, HEADLINE)
    assert told == (
        "Averaged over the 3 pairs of sets that differ only in it, timestamp takes away 2.2 points of "
        "recall@100 (95 % CI 1.8 … 2.6)."
    )


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (
            apart("timestamp + movie_genres", "None", 0.034, 0.03, 0.038),
            "timestamp and movie_genres together add +3.4 points of recall@100 (95 % CI 3.0 … 3.8) to None "
            "(ids alone).",
        ),
        (
            apart("timestamp + movie_genres", "None", -0.034, -0.038, -0.03),
            "timestamp and movie_genres together take 3.4 points of recall@100 (95 % CI 3.0 … 3.8) from None "
            "(ids alone).",
        ),
        (
            apart("timestamp + movie_genres", "None", 0.0, 0.0, 0.0, p=1.0),
            "timestamp and movie_genres together make no significant difference to None "
            "(ids alone) (0.0 points of recall@100, 95 % CI 0.0 … 0.0, p = 1.00).",
        ),
    ],
)
def test_where_no_pair_differs_in_one_feature_sets_stand_beside_the_ids_alone(difference, sentence):
    assert answer([IDS, TIME_GENRES], [difference], [], TEMPORAL, HEADLINE)[1:] == (sentence,)


def test_without_the_ids_alone_the_best_stands_beside_the_second():
    differences = [
        apart("timestamp + movie_genres", "user_tenure", 0.033, 0.03, 0.036),
        apart("timestamp + movie_genres", "movie_year", 0.008, 0.005, 0.011),
        apart("user_tenure", "movie_year", -0.025, -0.03, -0.02),
    ]
    year, tenure = feature_set("movie_year", mean=0.266), feature_set("user_tenure", mean=0.241)
    assert answer([tenure, TIME_GENRES, year], differences, [], TEMPORAL, HEADLINE)[1:] == (
        "Of the 3 feature sets here, timestamp + movie_genres has the highest recall@100, 0.8 points "
        "(95 % CI 0.5 … 1.1) above movie_year.",
    )


def test_without_baselines_the_answer_asks_for_one():
    assert answer([IDS], [], [], TEMPORAL, HEADLINE) == (
        "On a temporal split, None (ids alone) finds 24.0 % of what its users watch next among its 100 best "
        "(recall@100, 95 % CI 22.9 … 25.1); there is no baseline to compare it with (--baselines).",
    )
    assert warnings([IDS], [], HEADLINE) == ()


def test_baselines_alone_are_told_as_such():
    assert answer([EASE, RECENT], [], [], TEMPORAL, HEADLINE) == (
        "No feature set is here: on a temporal split, the best baseline is recent popularity, which finds "
        "25.8 % of what its users watch next among its 100 best (recall@100, 95 % CI 24.8 … 26.8).",
    )


def test_one_training_and_a_random_split_are_owned_up_to():
    day = feature_set("timestamp", "day_of_week", mean=0.271, n_seeds=1)
    time = feature_set("timestamp", mean=0.262, n_seeds=1)
    differences = [apart("timestamp + day_of_week", "timestamp", 0.009, 0.006, 0.012)]
    first, _, *caveats = answer([time, day], differences, [], RANDOM, HEADLINE)
    assert first.startswith(
        "On a random split, timestamp + day_of_week finds 27.1 % of the movies held out from its users among"
    )
    assert caveats == [
        ONE_SEED,
        "On a random split, timestamp and day_of_week let a model see the future: it learns from ratings "
        "given after those it is tested on; --split temporal does not.",
    ]


def test_one_set_trained_once():
    *_, seeds, future = answer([feature_set("user_tenure", mean=0.2, n_seeds=1)], [], [], RANDOM, HEADLINE)
    assert seeds == ONE_SEED.replace("Each set", "The set")
    assert future.startswith("On a random split, user_tenure lets a model see the future:")


def test_what_sees_no_time_needs_no_warning_of_it():
    assert len(answer([IDS], [], [], RANDOM, HEADLINE)) == 1


def test_another_metric_is_told_by_its_name():
    ids = feature_set("None", mean=0.124, metric="ndcg@10")
    ease = baseline(Family.EASE, 0.1, metric="ndcg@10")
    differences = [apart("None", EASE_NAME, 0.024, 0.02, 0.028)]
    assert answer([ids, ease], differences, [], TEMPORAL, "ndcg@10") == (
        "On a temporal split, None (ids alone) reaches 12.4 % ndcg@10 (95 % CI 11.3 … 13.5), 2.4 points "
        "(95 % CI 2.0 … 2.8) more than the baseline EASE.",
    )


def test_sets_that_tie_are_told_in_the_order_given():
    other = feature_set("movie_genres", mean=TIME.metrics[HEADLINE].mean)
    differences = [apart("timestamp", "movie_genres", 0.0, -0.004, 0.004, p=1.0)]
    assert answer([TIME, other], differences, [], TEMPORAL, HEADLINE)[1:] == (
        "Of the 2 feature sets here, timestamp has the highest recall@100, but its lead over movie_genres "
        "is not significant (0.0 points, 95 % CI −0.4 … +0.4, p = 1.00).",
    )


@pytest.mark.parametrize(
    "difference",
    [
        apart("timestamp", "None", -0.004, -0.008, 0.001, p=0.04),
        apart("timestamp", "None", -0.004, -0.007, -0.001, p=0.06),
        apart("timestamp", "None", 0.004, -0.001, 0.008, p=0.04),
        apart("timestamp", "None", 0.004, 0.001, 0.007, p=0.06),
    ],
)
def test_a_difference_needs_both_its_interval_and_its_p_value(difference):
    told = answer([IDS, TIME], [difference], [], TEMPORAL, HEADLINE)[1]
    assert told.startswith("timestamp makes no significant difference to None (ids alone)")


def test_a_missing_difference_is_not_passed_over():
    with pytest.raises(KeyError, match="EASE"):
        answer([TIME, EASE], [], [], TEMPORAL, HEADLINE)


def test_models_of_sequences_are_called_by_their_names() -> None:
    sasrec = sequence(Family.SASREC, mean=0.3)
    timed = sequence(Family.SASREC, "query_time", mean=0.33, n_seeds=1)
    gru = sequence(Family.GRU4REC, mean=0.28)
    found = answer(
        [sasrec, timed, gru, EASE],
        [
            apart("SASRec + query_time", "SASRec", 0.03, 0.02, 0.04),
            apart("GRU4Rec", "SASRec", -0.02, -0.03, -0.01),
            apart("GRU4Rec", "SASRec + query_time", -0.05, -0.06, -0.04),
            apart("SASRec", EASE_NAME, 0.06, 0.05, 0.07),
            apart("SASRec + query_time", EASE_NAME, 0.09, 0.08, 0.1),
            apart("GRU4Rec", EASE_NAME, 0.04, 0.03, 0.05),
        ],
        (),
        LEAVE_LAST,
        HEADLINE,
    )
    assert found == (
        "On a leave-last split, SASRec + query_time finds 33.0 % of the last movies of its users among its"
        " 100 best (recall@100, 95 % CI 31.9 … 34.1), 9.0 points (95 % CI 8.0 … 10.0) more than the baseline"
        " EASE.",
        "query_time adds +3.0 points of recall@100 (95 % CI 2.0 … 4.0) to SASRec.",
        ONE_SEED.replace("Each set", "Each model"),
        "query_time tells a model when the next movie is watched, which its history does not: compare it"
        " with models that know the same.",
    )


def test_models_that_do_not_differ_in_features_are_not_called_feature_sets() -> None:
    sasrec, gru = sequence(Family.SASREC, mean=0.22), sequence(Family.GRU4REC, mean=0.21)
    first, lead, *_ = answer(
        [sasrec, gru, EASE],
        [
            apart("GRU4Rec", "SASRec", -0.01, -0.02, -0.001),
            apart("SASRec", EASE_NAME, -0.02, -0.03, -0.01),
            apart("GRU4Rec", EASE_NAME, -0.03, -0.04, -0.02),
        ],
        (),
        LEAVE_LAST,
        HEADLINE,
    )
    assert first.startswith("No model here beats EASE: ")
    assert lead.startswith("Of the 2 models here, SASRec has the highest recall@100")
