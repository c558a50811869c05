"""Each feature of the table: fitted on training rows only, encoded as documented."""

import json
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import FEATURES, Family, Feature, FeatureSet, Side
from movierec_cli.config.features import feature_names
from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset
from movierec_cli.data.sample import simulate_sample
from movierec_cli.errors import MovierecError
from movierec_cli.models.feature_encodings import (
    TENURE_EDGES_DAYS,
    TIMESTAMP_BUCKETS,
    Encoding,
    context_codes,
    encode_features,
    fit_features,
    require_features,
    title_tokens,
)
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, NumberInput
from tests.tiny_dataset import tiny_dataset

SAMPLE = simulate_sample()
ALL_ROWS = np.arange(len(SAMPLE.ratings))
EVERY_FEATURE = FeatureSet(Family.TWO_TOWER.features)


def encoded(feature: Feature, dataset: Dataset = SAMPLE, rows: np.ndarray = ALL_ROWS):
    vocabularies = fit_features(dataset, rows, FeatureSet((feature,)))
    return vocabularies[feature], encode_features(dataset, vocabularies, feature.side)[feature]


def with_movies(**columns) -> Dataset:
    return replace(SAMPLE, movies=replace(SAMPLE.movies, **columns))


def test_every_feature_name_has_an_entry_and_every_vocabulary_is_json():
    fitted = {feature for feature in FEATURES.values() if feature.encoding}
    assert fitted == set(Family.TWO_TOWER.features)
    vocabularies = fit_features(SAMPLE, ALL_ROWS, EVERY_FEATURE)
    again = json.loads(json.dumps(vocabularies))
    for side in Side:
        first, second = (encode_features(SAMPLE, v, side) for v in (vocabularies, again))
        assert list(first) == list(second)


def test_what_is_not_in_training_does_not_change_what_is_fitted():
    train = np.flatnonzero((SAMPLE.ratings.user_index < 200) & (SAMPLE.ratings.movie_index % 3 > 0))

    def elsewhere(table, kept: np.ndarray, **others):
        """The table with other values in the rows that are not kept."""
        columns = {name: getattr(table, name) for name in others}
        changed = {name: np.where(kept, column, others[name]) for name, column in columns.items()}
        return replace(table, **{name: changed[name].astype(columns[name].dtype) for name in others})

    in_train = np.arange(len(SAMPLE.movies)) % 3 > 0
    changed = replace(
        SAMPLE,
        ratings=elsewhere(SAMPLE.ratings, np.isin(ALL_ROWS, train), timestamp=5_000_000_000),
        movies=elsewhere(SAMPLE.movies, in_train, title="Other words (1901)", year=1901, length_minutes=999),
        users=elsewhere(SAMPLE.users, np.arange(len(SAMPLE.users)) < 200, bucketized_age=99),
    )
    assert fit_features(SAMPLE, train, EVERY_FEATURE) == fit_features(changed, train, EVERY_FEATURE)


def test_timestamp_buckets_are_equally_wide_and_later_times_fall_into_the_last():
    vocabulary, (bucket, scaled) = encoded(FEATURES["timestamp"])
    seconds = SAMPLE.ratings.timestamp
    start, end = seconds.min(), seconds.max()
    codes = context_codes({FEATURES["timestamp"]: vocabulary}, SAMPLE.ratings.user_index, seconds)[:, 0]
    width = (end - start) / TIMESTAMP_BUCKETS
    expected = np.minimum((seconds - start) // width, TIMESTAMP_BUCKETS - 1)
    assert np.mean(codes == expected) > 0.999  # a time exactly on an edge may round either way
    outside = context_codes(
        {FEATURES["timestamp"]: vocabulary}, np.zeros(2, np.int32), np.array([start - 10**9, end + 10**9])
    )
    assert outside[:, 0].tolist() == [0, TIMESTAMP_BUCKETS - 1]
    assert isinstance(bucket, CategoryInput) and bucket.size == TIMESTAMP_BUCKETS
    assert isinstance(scaled, NumberInput) and np.all(np.diff(scaled.values[:, 0]) >= 0)


def test_day_of_week_counts_from_monday_in_utc():
    monday = np.datetime64("2024-07-01T00:00:00").astype("datetime64[s]").astype(np.int64)
    days = monday + np.arange(7) * 86_400 + 86_399
    codes = context_codes({FEATURES["day_of_week"]: {}}, np.zeros(7, np.int32), days)
    assert codes[:, 0].tolist() == list(range(7))


def test_tenure_is_the_time_since_the_users_first_training_rating():
    """Rows 0 and 3 train: user 0 starts at 100 s, user 1 at 200 s; user 2's only row is left out."""
    hour, day = 3600, 86_400
    dataset = tiny_dataset()  # users' rows are 0, 0, 1, 1, 0, 2 at 100, 300, 100, 200, 200, 900 s
    vocabularies = fit_features(dataset, np.array([0, 3]), FeatureSet((FEATURES["user_tenure"],)))
    tenure = vocabularies[FEATURES["user_tenure"]]
    assert tenure["first"][:2] == [100, 200]
    assert tenure["edges_days"] == []  # no training rating lies beyond any
    tenure["edges_days"] = list(TENURE_EDGES_DAYS)
    asked = {
        (0, 100): 0,
        (0, 100 + hour - 1): 0,
        (0, 100 + hour): 1,
        (0, 100 + day // 2): 2,
        (0, 100 + day - 1): 2,
        (0, 100 + day): 3,
        (0, 100 + 29 * day): 6,
        (0, 100 + 480 * day): 11,
        (0, 50): 0,  # before the first
        (1, 100 + day): 2,  # their first is 100 seconds later
        (1, 200 + day): 3,
        (2, 10**10): 0,  # nothing is known of them
    }
    users, seconds = (np.array(column) for column in zip(*asked, strict=True))
    codes = context_codes(vocabularies, users.astype(np.int32), seconds)
    assert codes[:, 0].tolist() == list(asked.values())
    (category,) = encode_features(dataset, vocabularies, Side.CONTEXT)[FEATURES["user_tenure"]]
    assert category.codes.tolist() == list(range(12)) and category.size == 12


def test_tenure_is_cut_only_where_a_thousandth_of_the_training_ratings_lies_beyond():
    """Of 2,000 ratings of one user one is 20 days after the first, and two more are 2 days after it."""
    day = 86_400
    times = np.concatenate([np.zeros(1997, np.int64), [2 * day, 2 * day], [20 * day]])
    one_user = replace(SAMPLE.ratings, user_index=np.zeros(2000, np.int32), timestamp=times)
    dataset = replace(SAMPLE, ratings=one_user)
    vocabulary, (category,) = encoded(FEATURES["user_tenure"], dataset, rows=np.arange(2000))
    assert vocabulary["edges_days"] == [1 / 24, 0.5, 1]  # three lie beyond, where two would do
    assert category.size == 4


def test_weeks_count_back_from_the_last_training_rating_and_the_future_is_the_last_week():
    week = 7 * 86_400
    times = np.array([0, 1, 5 * week - 1, 10 * week, 3 * week, 99 * week])
    dataset = replace(tiny_dataset(), ratings=replace(tiny_dataset().ratings, timestamp=times))
    vocabularies = fit_features(dataset, np.arange(5), FeatureSet((FEATURES["week"],)))
    asked = np.array([10 * week, 99 * week, 9 * week + 1, 9 * week, 5 * week - 1, 1, 0, -50 * week])
    codes = context_codes(vocabularies, np.zeros(len(asked), np.int32), asked)
    assert codes[:, 0].tolist() == [0, 0, 0, 1, 5, 9, 10, 10]
    (category,) = encode_features(dataset, vocabularies, Side.CONTEXT)[FEATURES["week"]]
    assert category.codes.tolist() == list(range(11)) and category.size == 11


def test_title_words_leave_out_the_year_and_words_of_one_title_only():
    assert title_tokens("Schindler's List (1993)") == ["schindlers", "list"]
    titles = SAMPLE.movies.title.copy()
    titles[:3] = ["Zyx Wvu (1990)", "Zyx Alone (1991)", "Wvu (2000)"]
    vocabulary, (bag,) = encoded(FEATURES["movie_title_text"], with_movies(title=titles))
    assert {"zyx", "wvu"} <= set(vocabulary["tokens"])
    assert "alone" not in vocabulary["tokens"] or "alone" in " ".join(titles[3:]).lower()
    assert isinstance(bag, BagInput)
    words = [vocabulary["tokens"][code] for code in bag.codes[bag.rows == 0]]
    assert words == ["zyx", "wvu"]


def test_genres_are_the_movies_own():
    vocabulary, (bag,) = encoded(FEATURES["movie_genres"])
    for movie in (0, 17, len(SAMPLE.movies) - 1):
        names = {vocabulary["genres"][code] for code in bag.codes[bag.rows == movie]}
        assert names == {SAMPLE.movies.genre_names[g] for g in np.flatnonzero(SAMPLE.movies.genres[movie])}


def test_an_unknown_length_is_the_training_median_with_a_flag():
    minutes = SAMPLE.movies.length_minutes.copy()
    minutes[5] = np.nan
    _, (bucket, numbers) = encoded(FEATURES["movie_length"], with_movies(length_minutes=minutes))
    assert bucket.codes[5] == 0 and bucket.codes[np.arange(len(minutes)) != 5].min() == 1
    assert numbers.values[5].tolist() == [0.0, 1.0]
    assert numbers.values[:, 1].sum() == 1
    longest, shortest = np.nanargmax(minutes), np.nanargmin(minutes)
    assert bucket.codes[longest] == bucket.codes.max() and bucket.codes[shortest] == 1


def test_values_that_training_did_not_see_share_code_zero():
    years = SAMPLE.movies.year.copy()
    rated = SAMPLE.ratings.movie_index[:100]
    years[~np.isin(np.arange(len(years)), rated)] = 1800
    years[rated[0]] = UNKNOWN_YEAR
    _, (category,) = encoded(FEATURES["movie_year"], with_movies(year=years), rows=np.arange(100))
    assert (category.codes[years == 1800] == 0).all()
    assert category.codes[rated[0]] == 0
    known = (years != 1800) & (years != UNKNOWN_YEAR)
    assert (category.codes[known] > 0).all()
    assert category.size == len(np.unique(years[known])) + 1


def test_user_columns_have_one_code_a_value():
    users = SAMPLE.users
    columns = {
        "bucketized_user_age": users.bucketized_age,
        "user_gender": users.is_male,
        "user_occupation": users.occupation,
    }
    for feature, values in columns.items():
        _, (category,) = encoded(FEATURES[feature])
        pairs = set(zip(values.tolist(), category.codes.tolist(), strict=True))
        assert len(pairs) == len(np.unique(values)) == len(np.unique(category.codes))


def test_a_feature_without_its_column_is_refused_with_what_there_is():
    bare = replace(SAMPLE, users=replace(SAMPLE.users, bucketized_age=None))
    require_features(bare, FeatureSet((FEATURES["user_gender"],)))
    with pytest.raises(MovierecError, match=r"'sample' has no bucketized_user_age.*it has: timestamp"):
        require_features(bare, FeatureSet((FEATURES["bucketized_user_age"],)))
    with pytest.raises(MovierecError, match="--movie_lengths FILE"):
        require_features(with_movies(length_minutes=None), FeatureSet((FEATURES["movie_length"],)))


def test_features_are_left_out_of_a_set_by_any_iterable():
    genres, week = FEATURES["movie_genres"], FEATURES["week"]
    assert FeatureSet((genres, week)).without(iter((genres, week))) == FeatureSet()


EVEN = Encoding(encode=lambda _, dataset: (CategoryInput((dataset.movies.movie_id % 2).astype(np.int32), 2),))


def test_a_feature_takes_one_entry_of_the_table(monkeypatch):
    even = Feature("even_id", "Whether the id is even.", Side.MOVIE, encoding=f"{__name__}:EVEN")
    monkeypatch.setitem(FEATURES, "even_id", even)
    assert FeatureSet.parse(["even_id", "week"]).label == "week + even_id"
    assert even in Family.TWO_TOWER.features and even not in Family.SASREC.features
    assert "even_id" in feature_names()
    _, (category,) = encoded(even)
    assert category.codes.tolist() == (SAMPLE.movies.movie_id % 2).tolist()
