"""The answer's sentences, word for word."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from movierec_cli.config import FEATURES, Family, SplitConfig, SplitKind
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.significance import Interval, PairedDifference
from movierec_cli.experiment.sentences import MOST_WORDS, answer, verdict, warnings
from movierec_cli.experiment.study import ComparedModel
from movierec_cli.registry.record import RunConfig
from tests.experiment.compared_models import HEADLINE, compared, differences
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


def gain(name: str, mean: float, low: float, high: float, p: float = 0.001, n_pairs: int = 2) -> FeatureGain:
    difference = Interval(mean, low, high)
    return FeatureGain(
        feature=FEATURES[name], difference=difference, p_value=p / 2, p_holm=p, n_pairs=n_pairs
    )


TENURE = feature_set("timestamp", "user_tenure", mean=0.281)
TIME = feature_set("timestamp", mean=0.262)
GENRES = feature_set("movie_genres", mean=0.25)
TIME_GENRES = feature_set("timestamp", "movie_genres", mean=0.274)
IDS = feature_set("None", mean=0.24)
EASE = baseline(Family.EASE, 0.24)
RECENT = baseline(Family.RECENT_POPULARITY, 0.258)
RECENT_NAME, EASE_NAME = "recent popularity", "EASE"


def told(
    models: list[ComparedModel],
    *,
    half: float = 0.003,
    split: SplitConfig = TEMPORAL,
    gains: Sequence[FeatureGain] = (),
) -> tuple[str, ...]:
    """The answer where every difference has an interval of so much either way, and a p that fits."""
    return answer(models, differences_of(models, half), gains, split, metric_of(models))


def warned(models: list[ComparedModel], half: float = 0.003) -> tuple[str, ...]:
    return warnings(models, differences_of(models, half), metric_of(models))


def metric_of(models: list[ComparedModel]) -> str:
    return next(iter(models[0].metrics))


def differences_of(models: list[ComparedModel], half: float) -> list[PairedDifference]:
    metric = metric_of(models)
    return differences({one.label: one.metrics[metric].mean for one in models}, half)


BETTER_EASE = baseline(Family.EASE, 0.287)


@pytest.mark.parametrize(
    ("models", "half", "said"),
    [
        (
            [TENURE, EASE, RECENT],
            0.003,
            "On a temporal split, timestamp + user_tenure is first in recall@100: it finds 28.1 % of what its"
            " users watch next among its 100 best (95 % CI 27.0 … 29.2), 2.3 points (95 % CI 2.0 … 2.6) more"
            " than the best baseline, recent popularity.",
        ),
        (
            [TIME, EASE],
            0.003,
            "On a temporal split, timestamp is first in recall@100: it finds 26.2 % of what its users watch"
            " next among its 100 best (95 % CI 25.1 … 27.3), 2.2 points (95 % CI 1.9 … 2.5) more than the"
            " baseline EASE.",
        ),
        (
            [TIME, TIME_GENRES, BETTER_EASE, RECENT],
            0.003,
            "On a temporal split, EASE is first in recall@100: it finds 28.7 % of what its users watch next"
            " among its 100 best (95 % CI 27.7 … 29.7), 1.3 points (95 % CI 1.0 … 1.6) more than the best"
            " trained model, timestamp + movie_genres.",
        ),
        (
            [TIME, baseline(Family.EASE, 0.259)],
            0.005,
            "On a temporal split, timestamp is first in recall@100: it finds 26.2 % of what its users watch"
            " next among its 100 best (95 % CI 25.1 … 27.3); its lead over the baseline EASE is not"
            " significant (+0.3 points, 95 % CI −0.2 … +0.8, p = 0.40).",
        ),
        (
            [EASE, RECENT],
            0.003,
            "On a temporal split, recent popularity is first in recall@100: it finds 25.8 % of what its users"
            " watch next among its 100 best (95 % CI 24.8 … 26.8); there is no trained model to compare it"
            " with.",
        ),
        (
            [IDS],
            0.003,
            "On a temporal split, None (ids alone) reaches 24.0 % recall@100 (95 % CI 22.9 … 25.1); there is"
            " no baseline to compare it with (--baselines).",
        ),
    ],
)
def test_the_first_sentence_names_the_winner_and_the_best_of_the_other_kind(
    models: list[ComparedModel], half: float, said: str
) -> None:
    assert told(models, half=half)[0] == said


def test_another_metric_is_told_by_its_name_and_so_is_where_the_winner_loses() -> None:
    ids, ease = (
        feature_set("None", mean=0.124, metric="ndcg@10"),
        baseline(Family.EASE, 0.1, metric="ndcg@10"),
    )
    behind = {
        "recall@100": apart("None", "EASE", -0.086, -0.093, -0.079),
        "map@10": apart("None", "EASE", -0.002, -0.006, 0.002, p=0.31),
        "auc": apart("None", "EASE", -0.01, -0.012, -0.008),
    }
    found = differences_of([ids, ease], 0.003)
    assert answer([ids, ease], found, [], TEMPORAL, "ndcg@10", behind)[0] == (
        "On a temporal split, None (ids alone) is first in ndcg@10 with 12.4 % (95 % CI 11.3 … 13.5), 2.4"
        " points (95 % CI 2.1 … 2.7) more than the baseline EASE; behind EASE in recall@100 by 8.6 points"
        " (95 % CI 7.9 … 9.3) and auc by 1.0 points (95 % CI 0.8 … 1.2); not significantly behind EASE in"
        " map@10 (−0.2 points, 95 % CI −0.6 … +0.2, p = 0.31)."
    )


def test_each_baseline_has_a_sentence_on_what_is_below_it_and_on_what_may_be_chance() -> None:
    assert warned([TENURE, EASE, RECENT]) == ()
    assert warned([TIME, TENURE, baseline(Family.EASE, 0.28), RECENT]) == (
        "Below EASE in recall@100 (28.0 %): timestamp (26.2 %).",
        "Not significantly different from EASE in recall@100 (28.0 %): timestamp + user_tenure (28.1 %).",
    )
    assert warned([TIME, TIME_GENRES, GENRES, BETTER_EASE]) == (
        "Below EASE in recall@100 (28.7 %): every trained model.",
    )


def test_what_was_best_in_its_last_epoch_is_named_with_the_remedy() -> None:
    def ended(model: ComparedModel, best: int) -> ComparedModel:
        record = model.records[0]
        assert record.config.training is not None
        config = replace(record.config, training=replace(record.config.training, num_epochs=20))
        ended = replace(record, config=config, best_epoch=best, epochs_run=20, history=record.history[:1])
        return replace(model, records=(ended,))

    assert warned([ended(TENURE, 20), ended(TIME, 15), EASE]) == (
        "Still improving at the last epoch, 20: timestamp + user_tenure. Train longer: --num_epochs 40.",
    )


def test_every_feature_has_one_verdict_the_corrected_one() -> None:
    genres = feature_set("movie_genres", mean=0.242)
    both = feature_set("timestamp", "movie_genres", mean=0.257)
    gains = [
        gain("timestamp", 0.023, 0.02, 0.026),
        gain("movie_genres", 0.0025, 0.0002, 0.006, p=0.06),
    ]
    assert told([IDS, TIME, genres, both], gains=gains)[1:] == (
        "Averaged over the 2 pairs of sets that differ only in it, timestamp adds +2.3 points of recall@100 "
        "(95 % CI 2.0 … 2.6).",
        "Averaged over the 2 pairs of sets that differ only in it, movie_genres makes no significant "
        "difference (+0.25 points of recall@100, 95 % CI +0.02 … +0.60, p = 0.060 after Holm's correction).",
    )


def test_a_gain_of_one_pair_is_not_told_twice():
    found = gain("timestamp", 0.022, 0.019, 0.025, n_pairs=1)
    assert told([IDS, TIME], gains=[found])[1:] == (
        "timestamp adds +2.2 points of recall@100 (95 % CI 1.9 … 2.5) to None (ids alone).",
    )


def test_an_average_that_is_a_loss():
    found = gain("timestamp", -0.022, -0.026, -0.018, n_pairs=3)
    assert told([TIME], gains=[found])[1:] == (
        "Averaged over the 3 pairs of sets that differ only in it, timestamp takes away 2.2 points of "
        "recall@100 (95 % CI 1.8 … 2.6).",
    )


@pytest.mark.parametrize(
    ("mean", "effect"),
    [
        (0.274, "add +3.4 points of recall@100 (95 % CI 3.1 … 3.7) to None (ids alone)."),
        (0.206, "take 3.4 points of recall@100 (95 % CI 3.1 … 3.7) from None (ids alone)."),
        (
            0.24,
            "make no significant difference to None (ids alone) (0.0 points of recall@100,"
            " 95 % CI −0.3 … +0.3, p = 0.40).",
        ),
    ],
)
def test_where_no_pair_differs_in_one_feature_sets_stand_beside_the_ids_alone(mean, effect):
    both = feature_set("timestamp", "movie_genres", mean=mean)
    assert told([IDS, both])[1:] == (f"timestamp and movie_genres together {effect}",)


def test_without_the_ids_alone_the_best_stands_beside_the_second():
    year, tenure = feature_set("movie_year", mean=0.266), feature_set("user_tenure", mean=0.241)
    assert told([tenure, TIME_GENRES, year])[1:] == (
        "Of the 3 feature sets here, timestamp + movie_genres has the highest recall@100, 0.8 points "
        "(95 % CI 0.5 … 1.1) above movie_year.",
    )


def test_one_training_and_a_random_split_are_owned_up_to():
    day = feature_set("timestamp", "day_of_week", mean=0.271, n_seeds=1)
    time = feature_set("timestamp", mean=0.262, n_seeds=1)
    first, _, *caveats = told([time, day], split=RANDOM)
    assert first.startswith(
        "On a random split, timestamp + day_of_week is first in recall@100: it finds 27.1 % of the movies"
        " held out from its users among"
    )
    assert caveats == [
        ONE_SEED,
        "On a random split, timestamp and day_of_week let a model see the future: it learns from ratings "
        "given after those it is tested on; --split temporal does not.",
    ]


def test_one_set_trained_once():
    *_, seeds, future = told([feature_set("user_tenure", mean=0.2, n_seeds=1)], split=RANDOM)
    assert seeds == ONE_SEED.replace("Each set", "The set")
    assert future.startswith("On a random split, user_tenure lets a model see the future:")


def test_what_sees_no_time_needs_no_warning_of_it():
    assert len(told([IDS], split=RANDOM)) == 1


def test_sets_that_tie_are_told_in_the_order_given():
    assert told([TIME, feature_set("movie_genres", mean=TIME.metrics[HEADLINE].mean)])[1:] == (
        "Of the 2 feature sets here, timestamp has the highest recall@100, but its lead over movie_genres "
        "is not significant (0.0 points, 95 % CI −0.3 … +0.3, p = 0.40).",
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
    assert told([sasrec, timed, gru, EASE], split=LEAVE_LAST) == (
        "On a leave-last split, SASRec + query_time is first in recall@100: it finds 33.0 % of the last"
        " movies of its users among its 100 best (95 % CI 31.9 … 34.1), 9.0 points (95 % CI 8.7 … 9.3) more"
        " than the baseline EASE.",
        "query_time adds +3.0 points of recall@100 (95 % CI 2.7 … 3.3) to SASRec.",
        ONE_SEED.replace("Each set", "Each model"),
        "query_time tells a model when the next movie is watched, which its history does not: compare it"
        " with models that know the same.",
    )


def test_models_that_do_not_differ_in_features_are_not_called_feature_sets() -> None:
    sasrec, gru = sequence(Family.SASREC, mean=0.22), sequence(Family.GRU4REC, mean=0.21)
    first, lead, *_ = told([sasrec, gru, EASE], split=LEAVE_LAST)
    assert first.startswith("On a leave-last split, EASE is first")
    assert lead.startswith("Of the 2 models here, SASRec has the highest recall@100")


def test_what_is_equal_for_every_user_is_said_to_be_so() -> None:
    same = [baseline(Family.POPULARITY, 0.24), replace(IDS), feature_set("movie_genres", mean=0.24)]
    sentences, found = told(same, half=0.0), warned(same, half=0.0)
    assert "; the best trained model, None (ids alone) is equal to it for every user" in sentences[0]
    assert "movie_genres makes no difference in recall@100 to None (ids alone), for any user." in sentences
    assert found[0].startswith("Equal to popularity in recall@100")
    assert not any("significant" in sentence for sentence in (*sentences, *found))
    lists = [sequence(family, mean=0.2) for family in (Family.SASREC, Family.GRU4REC)]
    assert any("and GRU4Rec is equal to it for every user" in one for one in told(lists, half=0.0))
    nothing = gain("movie_genres", 0.0, 0.0, 0.0, p=1.0)
    assert any(
        "makes no difference in recall@100, for any user." in one for one in told(same, gains=[nothing])
    )


VERDICTS = (
    ([TENURE, EASE, RECENT], 0.002, "The best model beats the best baseline"),
    ([TIME, EASE], 0.002, "timestamp beats EASE, the baseline"),
    ([TIME, EASE, RECENT], 0.02, "timestamp does not clearly beat recent popularity"),
    ([GENRES, RECENT], 0.002, "No model beats recent popularity, a baseline"),
    ([GENRES, RECENT], 0.02, "No model clearly beats recent popularity, a baseline"),
    ([IDS, EASE, TENURE], 0.002, "The best model beats EASE, the baseline"),
    ([TIME, IDS], 0.002, "timestamp is first of 2 models"),
    ([IDS], 0.002, "The best model reaches 24.0 % recall@100"),
    ([EASE, RECENT], 0.002, "recent popularity is first of 2 baselines"),
)


@pytest.mark.parametrize(("models", "half", "expected"), VERDICTS)
def test_the_verdict_has_eight_words_at_most(models: list[ComparedModel], half: float, expected: str) -> None:
    means = {one.label: one.metrics[HEADLINE].mean for one in models if not one.is_baseline}
    every = {one.label: one.metrics[HEADLINE].mean for one in models}
    found = differences(every, half) if means else []
    assert verdict(models, found, HEADLINE) == expected
    assert len(expected.replace(" %", "%").split()) <= MOST_WORDS
