import json
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from movierec_cli.cli.app import app
from movierec_cli.config import GIVEN_SPLITS, DataConfig, Feature, FeatureSet, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset, Movies, Users
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.errors import MovierecError
from movierec_cli.leakage.data_checks import check_data, run_data_checks
from movierec_cli.leakage.diagnosis import check_vocabularies
from movierec_cli.leakage.finding import Finding, Severity
from movierec_cli.leakage.twins import find_twins
from movierec_cli.models.feature_encodings import FEATURES, fit_features
from movierec_cli.storage.serialization import canonical_json
from tests.tiny_dataset import dataset_of

LEAK, CAUTION = Severity.LEAK, Severity.CAUTION
NO_FEATURES = (FeatureSet(),)
TIMESTAMP = (FeatureSet(), FeatureSet((FEATURES["timestamp"], FEATURES["movie_genres"])))


def planted(rows: Iterable[tuple[int, int, int]]) -> Dataset:
    """From (user, movie, second) rows."""
    return dataset_of(*zip(*rows, strict=True))


def random_dataset(n_users: int = 120, n_movies: int = 60, seed: int = 0) -> Dataset:
    """Each user rates 12 movies at distinct seconds of their own."""
    rng = np.random.default_rng(seed)
    return planted(
        (user, movie, second)
        for user in range(n_users)
        for movie, second in zip(
            rng.choice(n_movies, 12, replace=False), rng.choice(100_000, 12, replace=False), strict=True
        )
    )


def found(
    dataset: Dataset,
    kind: SplitKind = SplitKind.RANDOM,
    feature_sets: tuple[FeatureSet, ...] = NO_FEATURES,
    split: Split | None = None,
) -> dict[str, Finding]:
    config = SplitConfig(kind=kind)
    findings = check_data(dataset, split or split_ratings(dataset.ratings, config), config, feature_sets)
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


def one(name: str, severity: Severity, dataset: Dataset, *case: Any, **options: Any) -> str:
    """The sentence of the one finding of that name, which is that severe."""
    finding = found(dataset, *case, **options)[name]
    assert finding.severity is severity
    return finding.sentence


def rows_split(*parts: Iterable[int]) -> Split:
    return Split(*(np.array(list(part), np.int64) for part in parts))


# learning from the future


def n_older(dataset: Dataset, split: Split) -> int:
    ratings, older = dataset.ratings, 0
    for row in split.test:
        own = [r for r in split.fit if ratings.user_index[r] == ratings.user_index[row]]
        older += any(ratings.timestamp[r] > ratings.timestamp[row] for r in own)
    return older


@pytest.mark.parametrize(
    ("features", "name", "severity", "words"),
    [
        (("timestamp", "movie_genres"), "time-travel", LEAK, "rating, and timestamp sees the time of each:"),
        (
            ("user_tenure", "day_of_week", "timestamp"),
            "time-travel",
            LEAK,
            "timestamp, day_of_week and user_tenure see ",
        ),
        (("movie_title_text", "user_history"), "random-split", CAUTION, "in use, nobody has a user's later"),
    ],
)
def test_a_random_split_is_time_travel_for_features_of_the_time_alone_which_are_named(
    features: tuple[str, ...], name: str, severity: Severity, words: str
) -> None:
    dataset = random_dataset()
    n, n_test = n_older(dataset, split_ratings(dataset.ratings, SplitConfig())), round(1440 * 0.2)
    sets = (FeatureSet(), *(FeatureSet((FEATURES[feature],)) for feature in features))
    findings = found(dataset, feature_sets=sets)
    assert findings.keys() & {"time-travel", "random-split"} == {name}
    assert (findings[name].severity, findings[name].remedy) == (severity, "--split temporal")
    assert f"{n} of {n_test} test ratings ({100 * n / n_test:.1f} %)" in findings[name].sentence
    assert words in findings[name].sentence


@pytest.mark.parametrize(
    ("kind", "of_the_split", "of_the_sample"),
    [
        (SplitKind.RANDOM, {"time-travel"}, set()),
        (SplitKind.TEMPORAL, set(), {"cold-users"}),
        (SplitKind.LEAVE_LAST, set(), {"order-by-luck"}),
        (SplitKind.WINDOWS, {"time-travel", "windows-overlap"}, set()),
    ],
)
def test_nothing_but_what_the_split_brings_is_found_in_clean_data(
    kind: SplitKind, of_the_split: set[str], of_the_sample: set[str]
) -> None:
    assert set(found(random_dataset(), kind, TIMESTAMP)) == of_the_split
    sample = load_dataset(DataConfig(dataset="sample"))
    assert set(found(sample, kind, TIMESTAMP)) == of_the_split | of_the_sample


# pairs in both parts


def test_a_pair_in_test_and_in_training_is_found_once_however_often_it_comes() -> None:
    rows = [(0, 0, 1), (0, 1, 2), (1, 0, 3), (0, 0, 4), (0, 0, 5), (1, 0, 6), (1, 2, 7), (0, 2, 8)]
    split = rows_split([0, 1], [2], [3, 4, 5, 6, 7])  # (0, 0) twice and (1, 0): from train, from validation
    sentence = one("test-in-train", LEAK, planted(rows), split=split)
    assert sentence.startswith("2 pairs of a user and a movie are in test and in training")


# titles and users


def test_titles_that_collide_are_counted_with_an_example() -> None:
    titles = {3: "Heat (1995)", 7: "Heat (1995)", 9: "Heat (1995)", 4: "Sabrina (1954)", 5: "Sabrina (1954)"}
    dataset = random_dataset()
    dataset.movies.title[list(titles)] = list(titles.values())
    assert found(dataset)["titles-collide"].remedy == "--merge_duplicates"
    sentence = one("titles-collide", CAUTION, dataset)
    assert sentence.startswith("5 movies share 2 titles, such as 'Heat (1995)' (ids 1003 and 1007 and 1009)")


def test_movielens_100k_has_18_titles_twice(shared_data: Path, tmp_path: Path) -> None:
    archive = shared_data / "ml-100k.zip"
    dataset = load_dataset(DataConfig(archive=archive, datasets_dir=tmp_path))
    titles = list(dataset.movies.title)
    assert (len(titles), len(set(titles))) == (1682, 1664)
    assert found(dataset)["titles-collide"].sentence.startswith("36 movies share 18 titles")


def with_copies(n_copied: int, n_ratings: int, shift_s: int = 0) -> Dataset:
    """Random users, then copies of the first `n_copied`, with `n_ratings` each and in reverse order."""
    ratings = random_dataset().ratings
    columns = (ratings.user_index, ratings.movie_index, ratings.timestamp)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    own = {user: [row for row in rows if row[0] == user][:n_ratings] for user in range(n_copied)}
    rows = [row for row in rows if row[0] >= n_copied or row in own[row[0]]]
    copies = [(120 + u, movie, time + shift_s) for u in own for _, movie, time in reversed(own[u])]
    return planted(rows + copies)


def test_users_with_one_history_leak_between_train_and_test_or_are_a_caution() -> None:
    dataset = with_copies(3, 9)
    ratings = dataset.ratings
    split = split_ratings(ratings, SplitConfig())
    twin = {u: 120 + u for u in range(3)} | {120 + u: u for u in range(3)}
    trained = set(zip(ratings.user_index[split.fit], ratings.movie_index[split.fit], strict=True))
    tested = zip(ratings.user_index[split.test].tolist(), ratings.movie_index[split.test], strict=True)
    n_copied = sum((twin.get(user, -1), movie) in trained for user, movie in tested)
    assert n_copied > 0
    sentence = one("users-collide", LEAK, dataset)
    assert "6 users rated the same movies at the same seconds as another, 100 and 220" in sentence
    assert f"{n_copied} test ratings of theirs are in the other's training part" in sentence
    assert one("users-collide", CAUTION, dataset, SplitKind.TEMPORAL).startswith("6 users")


@pytest.mark.parametrize(("n_ratings", "shift_s", "is_found"), [(5, 0, True), (4, 0, False), (9, 1, False)])
def test_short_or_shifted_histories_are_no_twins(n_ratings: int, shift_s: int, is_found: bool) -> None:
    assert ("users-collide" in found(with_copies(2, n_ratings, shift_s))) is is_found


def test_twins_are_those_a_comparison_of_all_pairs_finds() -> None:
    rng = np.random.default_rng(1)
    n_twins = 0
    for _ in range(100):
        n_users = int(rng.integers(2, 9))
        rows = [
            (user, int(movie), int(rng.random() < 0.1))
            for user in range(n_users)
            for movie in rng.permutation(6)[: rng.integers(5, 7)]
        ]
        histories = [{row[1:] for row in rows if row[0] == user} for user in range(n_users)]
        twins = find_twins(planted([rows[place] for place in rng.permutation(len(rows))]))
        group = np.full(n_users, -1) if twins is None else twins.group
        pairs = list(combinations(range(n_users), 2))
        expected = {(a, b) for a, b in pairs if histories[a] == histories[b]}
        assert {(a, b) for a, b in pairs if group[a] == group[b] != -1} == expected
        n_twins += len(expected)
    assert n_twins > 50


def test_a_user_id_in_two_rows_is_found() -> None:
    dataset = random_dataset()
    ids = dataset.users.user_id.copy()
    ids[[3, 4]] = 777
    sentence = one("users-collide", CAUTION, replace(dataset, users=Users(user_id=ids)))
    assert "1 user id stands in more than one row of the users, such as 777" in sentence


# splits


def tied_dataset() -> Dataset:
    """The last two ratings of every third of 120 users have one second; of the others the first two."""
    return planted(
        (user, movie, time)
        for user in range(120)
        for movie, time in enumerate((1, 2, 3, 3) if user % 3 == 0 else (1, 1, 2, 3))
    )


def test_leave_last_says_how_often_the_files_order_decides() -> None:
    sentence = one("order-by-luck", CAUTION, tied_dataset(), SplitKind.LEAVE_LAST)
    assert "40 of 120 test users (33.3 %)" in sentence
    assert "file's order is the tie-break" in sentence
    assert "order-by-luck" not in found(tied_dataset(), SplitKind.TEMPORAL)


def n_read_before(dataset: Dataset, split: Split) -> int:
    """Test ratings that come before a training rating of their user, one by one."""
    ratings = dataset.ratings
    trained = set(split.fit.tolist())
    n_read = 0
    for user in range(len(dataset.users)):
        own = np.flatnonzero(ratings.user_index == user).tolist()
        ordered = sorted(own, key=lambda row: (int(ratings.timestamp[row]), row))
        for place, row in enumerate(ordered):
            n_read += row not in trained and bool(trained & set(ordered[place:]))
    return n_read


@pytest.mark.parametrize("dataset", [random_dataset(), tied_dataset()], ids=["times", "ties"])
def test_windows_say_how_many_test_ratings_stand_in_a_history_that_is_learned_from(dataset: Dataset) -> None:
    split = split_ratings(dataset.ratings, SplitConfig(kind=SplitKind.WINDOWS))
    n_read, n_test = n_read_before(dataset, split), len(split.test)
    assert 0 < n_read < n_test
    sentence = one("windows-overlap", LEAK, dataset, SplitKind.WINDOWS)
    assert sentence.startswith(f"{n_read} of {n_test} test ratings ({100 * n_read / n_test:.1f} %) are")
    assert found(dataset, SplitKind.WINDOWS)["windows-overlap"].remedy == "--split leave-last"
    at_the_end = split_ratings(dataset.ratings, SplitConfig(kind=SplitKind.LEAVE_LAST))
    assert "windows-overlap" not in found(dataset, SplitKind.WINDOWS, split=at_the_end)


def test_fewer_than_100_warm_test_users_are_few() -> None:
    """Thirty cold users are tested as well; they do not count."""
    for n_warm in (99, 100):
        rows = [(user, 0, user) for user in range(n_warm)]
        rows += [(user, 1, 500 + user) for user in range(n_warm + 30)]
        split = rows_split(range(n_warm - 1), [n_warm - 1], range(n_warm, len(rows)))
        finding = found(planted(rows), SplitKind.TEMPORAL, split=split).get("few-test-users")
        if n_warm == 100:
            assert finding is None
        else:
            assert finding is not None
            assert finding.sentence.startswith("99 users with training ratings")
            # nobody has three ratings, so leave-last has none
            assert (finding.severity, finding.remedy) == (CAUTION, "--test_fraction 0.4 or --seeds 3")


@pytest.mark.parametrize(
    ("kind", "has_times", "remedy"),
    [
        (SplitKind.RANDOM, True, "--split leave-last, --test_fraction 0.4 or --seeds 3"),
        (SplitKind.RANDOM, False, "--test_fraction 0.4 or --seeds 3"),
        (SplitKind.LEAVE_LAST, True, "--seeds 3"),
        (SplitKind.GIVEN, True, "--seeds 3"),
    ],
)
def test_the_remedies_of_few_test_users_are_for_the_same_data(
    kind: SplitKind, has_times: bool, remedy: str
) -> None:
    dataset = random_dataset(30)
    if not has_times:
        dataset = with_times(dataset, 7)
    split = split_ratings(dataset.ratings, SplitConfig()) if kind is SplitKind.GIVEN else None
    assert found(dataset, kind, split=split)["few-test-users"].remedy == remedy


def with_times(dataset: Dataset, second: int) -> Dataset:
    """The same ratings, all at one second."""
    times = np.full(len(dataset.ratings), second)
    return replace(dataset, ratings=replace(dataset.ratings, timestamp=times))


def test_one_time_for_all_is_one_caution_and_nothing_else_speaks_of_time() -> None:
    equal = with_times(with_copies(2, 9), 978_300_000)  # equal lists of movies: the time made them twins
    assert one("equal-times", CAUTION, equal).startswith("Every rating has the same time")
    about_time = {"time-travel", "random-split", "users-collide", "order-by-luck", "windows-overlap"}
    assert not about_time & found(equal, feature_sets=TIMESTAMP).keys()
    assert one("equal-times", CAUTION, with_times(equal, 0)).startswith("No rating has a time, or each has")
    checked = run_data_checks(equal, split_ratings(equal.ratings, SplitConfig()), SplitConfig(), TIMESTAMP)
    assert not [check.clean for check in checked if "older" in check.clean or "history" in check.clean]


def test_checks_call_items_what_the_data_do() -> None:
    dataset = replace(random_dataset(30), noun="item")
    dataset.movies.title[[0, 1]] = "Lamp"
    assert one("titles-collide", CAUTION, dataset).startswith("2 items share 1 title")
    split = split_ratings(dataset.ratings, SplitConfig())
    texts = [check.sentence for check in run_data_checks(dataset, split, SplitConfig(), TIMESTAMP)]
    assert not [text for text in texts if "movie" in text]


def test_cold_users_of_a_temporal_split_are_counted() -> None:
    rows = [(user, movie, 10 * user + movie) for user in range(300) for movie in range(5)]
    split = split_ratings(planted(rows).ratings, SplitConfig(kind=SplitKind.TEMPORAL))
    known = {rows[row][0] for row in split.fit}
    cold = [rows[row][0] for row in split.test if rows[row][0] not in known]
    assert cold
    sentence = one("cold-users", CAUTION, planted(rows), SplitKind.TEMPORAL)
    percent = f"({100 * len(cold) / len(split.test):.1f} %)"
    assert (
        f"{len(cold)} of {len(split.test)} test ratings {percent} are of {len(set(cold))} users" in sentence
    )


def test_leaks_come_first() -> None:
    dataset = with_copies(2, 9)
    dataset.movies.title[[0, 1]] = "Heat (1995)"
    findings = check_data(dataset, split_ratings(dataset.ratings, SplitConfig()), SplitConfig(), TIMESTAMP)
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, key=[Severity.LEAK, Severity.CAUTION].index)
    assert set(severities) == set(Severity)


@pytest.mark.parametrize("kind", SplitKind)
def test_what_was_checked_has_a_clean_sentence_or_findings(kind: SplitKind) -> None:
    dataset, config = random_dataset(), SplitConfig(kind=kind)
    parts = np.arange(len(dataset.ratings), dtype=np.int8) % 3
    split = split_ratings(replace(dataset.ratings, part=parts), config)
    checked = run_data_checks(dataset, split, config, TIMESTAMP)
    of_one_kind = {
        "order-by-luck": [SplitKind.LEAVE_LAST],
        "cold-users": [SplitKind.TEMPORAL, *GIVEN_SPLITS],
        "windows-overlap": [SplitKind.WINDOWS],
    }
    names = {name for check in checked for name in check.names}
    assert names & of_one_kind.keys() == {name for name, own in of_one_kind.items() if kind in own}
    for check in checked:
        assert check.clean.endswith(".")
        assert {finding.name for finding in check.findings} <= set(check.names)
    flat = [finding for check in checked for finding in check.findings]
    assert set(flat) == set(check_data(dataset, split, config, TIMESTAMP))


def test_remedies_are_options_that_train_has() -> None:
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    options = {name for param in command.params for name in param.opts}
    cases = [(tied_dataset(), SplitKind.LEAVE_LAST), (random_dataset(), SplitKind.WINDOWS)]
    cases += [(random_dataset(30), kind) for kind in (SplitKind.TEMPORAL, SplitKind.LEAVE_LAST)]
    remedies = {f.remedy for dataset, kind in cases for f in found(dataset, kind, TIMESTAMP).values()}
    remedies |= {f.remedy for f in found(random_dataset(), feature_sets=TIMESTAMP).values()}
    remedies |= {finding.remedy for finding in vocabulary_findings(FEATURES["timestamp"])}
    ways = [way.split() for remedy in remedies for way in re.split(r", | or ", remedy)]
    assert {option for option, *_ in ways} == {"--split", "--retrain", "--seeds", "--test_fraction"}
    for option, *value in ways:
        assert option in options
        assert option != "--split" or value[0] in set(SplitKind)


# vocabularies

TITLES = ("Red Moon", "Red Sun", "Blue Moon", "Blue Sun", "Red Kite", "Grey Kite", "Grey Sea")
FITTED = rows_split(range(12), range(12, 22), range(22, 25))


def described_dataset() -> Dataset:
    """Users 0-2 and movies 0-3 are in train; user 3 and movies 4-6 come with validation only."""
    train = [(user, movie, 1000 + 100 * user + movie) for user in range(3) for movie in range(4)]
    validation = [(3, movie, 500 + movie) for movie in range(7)]
    validation += [(1, movie, 400 + movie) for movie in range(4, 7)]
    dataset = planted(train + validation + [(2, movie, 5000) for movie in range(4, 7)])
    genres = np.zeros((7, 3), bool)
    genres[:4, 0] = genres[4:, 1] = True
    movies = Movies(
        movie_id=dataset.movies.movie_id,
        title=np.array(TITLES, object),
        year=np.array([1990, 1991, 1992, 1993, 2001, 2002, 1990], np.int16),
        genres=genres,
        genre_names=("Drama", "Western", "War"),
        length_minutes=np.array([90, 95, 100, 105, 180, 200, 220], np.float32),
    )
    users = Users(
        user_id=dataset.users.user_id,
        bucketized_age=np.array([18, 25, 25, 56], np.float32),
        is_male=np.array([1, 1, 1, 0], np.float32),
        occupation=np.array([0, 1, 1, 2], np.int32),
        occupation_names=("artist", "writer", "doctor"),
    )
    return replace(dataset, movies=movies, users=users)


def saved(dataset: Dataset, rows: np.ndarray, *features: Feature) -> dict[str, object]:
    """As a saved run gives them back."""
    fitted = fit_features(dataset, rows, FeatureSet(features))
    plain = {str(feature): vocabulary for feature, vocabulary in fitted.items()}
    return dict(json.loads(canonical_json(plain)))


TENURE = {"edges_days": []}  # nobody of the described data set rates for an hour


def vocabulary_findings(*features: Feature) -> tuple[Finding, ...]:
    dataset = described_dataset()
    kept = saved(dataset, FITTED.fit, *features)
    return check_vocabularies(dataset, FITTED, FeatureSet(features), kept)


def test_what_was_fitted_on_train_is_clean_and_what_a_sequence_says_of_time_was_not_fitted() -> None:
    dataset = described_dataset()
    kept = saved(dataset, FITTED.train, *FEATURES)
    assert check_vocabularies(dataset, FITTED, FeatureSet(tuple(FEATURES.values())), kept) == ()
    times = FeatureSet((FEATURES["time_gap"], FEATURES["query_time"]))
    assert check_vocabularies(dataset, FITTED, times, {}) == ()


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (FEATURES["timestamp"], "999 of 999 bucket edges are others; its mean is 816.09, not 1,101.50"),
        (FEATURES["movie_title_text"], "2 title words of fewer than 2 training titles"),
        (FEATURES["movie_genres"], "1 genre of nothing in training"),
        (FEATURES["movie_length"], "19 of 19 bucket edges are others; its median is 105.00, not 97.50"),
        (FEATURES["movie_year"], "2 years of nothing in training"),
        (FEATURES["bucketized_user_age"], "1 age of no user in training"),
        (FEATURES["user_gender"], "1 gender of no user in training"),
        (FEATURES["user_occupation"], "1 occupation of no user in training"),
        (FEATURES["user_tenure"], "2 of 4 users' first ratings are others"),
    ],
)
def test_what_was_fitted_on_validation_too_is_named(feature: Feature, words: str) -> None:
    (finding,) = vocabulary_findings(feature)
    assert (finding.name, finding.severity) == ("fitted-on-more-than-train", Severity.LEAK)
    assert finding.remedy == "--retrain"
    assert finding.sentence.startswith(f"{feature} is not as fitted on the training part alone: ")
    assert words in finding.sentence


def test_each_feature_has_its_own_finding() -> None:
    features = (FEATURES["movie_genres"], FEATURES["day_of_week"], FEATURES["user_gender"])
    names = [finding.sentence.split()[0] for finding in vocabulary_findings(*features)]
    assert names == ["movie_genres", "user_gender"]


@pytest.mark.parametrize(
    ("feature", "vocabulary", "words"),
    [
        ("movie_genres", None, "saved without a vocabulary"),
        ("movie_genres", ["Drama"], "saved without a vocabulary"),
        ("movie_genres", {"names": ["Drama"]}, "saved with names, and fitting gives genres"),
        ("day_of_week", {"days": 7}, "saved with days, and fitting gives nothing"),
        ("movie_genres", {"genres": []}, "1 genre of training left out"),
        ("movie_genres", {"genres": [["Drama"]]}, "its genres are no list"),
        ("user_tenure", TENURE | {"first": [[1], [2, 3]]}, "its users' first ratings is [[1], [2, 3]], not"),
        ("user_tenure", TENURE | {"first": "soon"}, "its users' first ratings is 'soon', not"),
        ("user_tenure", TENURE | {"first": 7}, "1 users' first ratings, not 4"),
    ],
)
def test_a_vocabulary_of_another_shape_is_no_traceback(feature: str, vocabulary: object, words: str) -> None:
    kept = {} if vocabulary is None else {feature: vocabulary}
    feature_set = FeatureSet((FEATURES[feature],))
    (finding,) = check_vocabularies(described_dataset(), FITTED, feature_set, kept)
    assert words in finding.sentence


def test_the_last_digits_of_a_sum_are_no_leak_but_a_second_is() -> None:
    dataset, feature_set = described_dataset(), FeatureSet((FEATURES["timestamp"],))
    kept = saved(dataset, FITTED.train, FEATURES["timestamp"])
    vocabulary = kept["timestamp"]
    assert isinstance(vocabulary, dict)
    vocabulary["mean"] *= 1 + 1e-15
    assert check_vocabularies(dataset, FITTED, feature_set, kept) == ()
    vocabulary["mean"] += 1
    assert len(check_vocabularies(dataset, FITTED, feature_set, kept)) == 1


def test_data_without_the_features_column_are_refused_by_name() -> None:
    with pytest.raises(MovierecError, match="movie_length"):
        check_vocabularies(random_dataset(), FITTED, FeatureSet((FEATURES["movie_length"],)), {})
