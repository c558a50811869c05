"""What an epoch's batches hold."""

import numpy as np
import pytest

from movierec_cli.config import FeatureSet
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.data.sample import simulate_sample
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.two_tower.query_batches import (
    CatalogueBatches,
    GroupedInteractions,
    InteractionBatches,
    Queries,
    SampledClasses,
    flat_places,
    group_interactions,
    positive_weights,
)

SAMPLE = simulate_sample()
ROWS = np.sort(np.random.default_rng(0).choice(len(SAMPLE.ratings), 20_000, replace=False))
N_MOVIES = len(SAMPLE.movies)
VOCABULARIES = fit_features(SAMPLE, ROWS, FeatureSet.parse(["timestamp"]))
GROUPED = group_interactions(SAMPLE, ROWS, VOCABULARIES)
SEEN = movies_of_users(SAMPLE, ROWS)
ALIKE = positive_weights(GROUPED, 0.0)


def interactions_of(batch) -> list[tuple[int, int, int]]:
    rows, movies = np.divmod(batch["positives"][batch["weights"] > 0], N_MOVIES)
    return [
        (int(batch["user_index"][row]), int(batch["contexts"][row, 0]), int(movie))
        for row, movie in zip(rows, movies, strict=True)
    ]


def all_interactions() -> list[tuple[int, int, int]]:
    owner, place = GROUPED.positives.places(np.arange(len(GROUPED.queries)))
    queries = GROUPED.queries.take(owner)
    movies = GROUPED.positives.values[place]
    return sorted(
        zip(queries.user_index.tolist(), queries.contexts[:, 0].tolist(), movies.tolist(), strict=True)
    )


def test_an_epoch_of_queries_holds_every_interaction_once_and_its_order_is_the_seed_s():
    batches = CatalogueBatches(GROUPED, N_MOVIES, 64, ALIKE)
    epoch = list(batches.epoch(np.random.default_rng(1)))
    assert len(epoch) == batches.n_batches
    assert sorted(one for batch in epoch for one in interactions_of(batch)) == all_interactions()
    assert len({len(batch["user_index"]) for batch in epoch}) == 1
    assert len({len(batch["positives"]) for batch in epoch}) < len(epoch) / 5
    assert all(len(batch["weights"]) == len(batch["positives"]) for batch in epoch)
    first, again, other = (
        [batch["user_index"].tolist() for batch in batches.epoch(np.random.default_rng(seed))]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_no_movie_of_the_drawn_history_is_a_target_and_all_of_it_is_the_users():
    batches = CatalogueBatches(GROUPED, N_MOVIES, 64, ALIKE, SEEN)
    drawn = targets = 0
    for batch in batches.epoch(np.random.default_rng(1)):
        positives = batch["positives"][batch["weights"] > 0]
        assert not set(batch["history"]) & set(positives)
        assert set(batch["history"]) <= set(flat_places(SEEN, batch["user_index"], N_MOVIES))
        drawn, targets = drawn + len(batch["history"]), targets + len(positives)
    assert 0.4 < targets / len(ROWS) < 0.6  # the sampled share is uniform between 0 and 1
    assert drawn > len(ROWS)  # several queries of a user each draw from the whole history


@pytest.mark.parametrize("history", [None, SEEN])
def test_interaction_batches_hold_every_interaction_once_and_never_show_a_target(history):
    batches = InteractionBatches(GROUPED, N_MOVIES, 256, history)
    found = []
    for batch in batches.epoch(np.random.default_rng(1)):
        columns = (batch["user_index"], batch["contexts"][:, 0], batch["movie_index"])
        found += zip(*(column.tolist() for column in columns), strict=True)
        if history is not None:
            own = np.arange(len(batch["movie_index"])) * N_MOVIES + batch["movie_index"]
            assert not set(own) & set(batch["history"])
            assert len(batch["history"]) > 0
    assert sorted(found) == all_interactions()


def test_a_rating_weighs_by_the_number_of_its_querys_ratings():
    """Queries of one, two and four ratings: 1/√n is 1, .7071 and .5, scaled to a mean of 1 over seven."""
    queries = Queries(np.arange(3, dtype=np.int32), np.zeros((3, 0), np.int32))
    positives = RaggedRows.group(np.repeat(np.arange(3), [1, 2, 4]), np.arange(7, dtype=np.int32), 3)
    interactions = GroupedInteractions(queries, positives, np.arange(len(positives.values)))
    root = np.array([1, 2**-0.5, 0.5])
    expected = {
        0.0: np.ones(3),
        0.5: root * 7 / (1 + 2 * 2**-0.5 + 4 * 0.5),
        1.0: np.array([7 / 3, 7 / 6, 7 / 12]),
    }
    for exponent, weights in expected.items():
        np.testing.assert_allclose(positive_weights(interactions, exponent), weights, rtol=1e-6)


@pytest.mark.parametrize("history", [None, SEEN])
def test_each_positive_of_a_batch_carries_the_weight_of_its_query(history):
    weights = np.random.default_rng(3).uniform(0.5, 2.0, len(GROUPED.queries)).astype(np.float32)
    batches = CatalogueBatches(GROUPED, N_MOVIES, 64, weights, history)
    queries = zip(GROUPED.queries.user_index.tolist(), GROUPED.queries.contexts[:, 0].tolist(), strict=True)
    of_query = dict(zip(queries, weights, strict=True))
    for batch in batches.epoch(np.random.default_rng(1)):
        counts = batch["weights"] > 0
        rows = batch["positives"][counts] // N_MOVIES
        users, contexts = batch["user_index"][rows], batch["contexts"][rows, 0]
        expected = [of_query[key] for key in zip(users.tolist(), contexts.tolist(), strict=True)]
        assert batch["weights"][counts].tolist() == expected


def test_a_step_of_a_large_catalogue_names_its_classes_and_then_its_other_positives():
    head, tail = np.arange(0, 30, 3, dtype=np.int32), np.arange(200, 240, dtype=np.int32)
    classes = SampledClasses(head, tail, chances=np.full(40, 5 / 40))
    batches = CatalogueBatches(GROUPED, N_MOVIES, 64, ALIKE, classes=classes)
    some = list(batches.epoch(np.random.default_rng(1)))
    for batch in some:
        needed = batch["movies"]
        assert len(np.unique(needed)) == len(needed)
        assert needed[:10].tolist() == classes.head.tolist()
        assert set(needed[10:15].tolist()) <= set(classes.tail.tolist())
        rows, places = np.divmod(batch["positives"], N_MOVIES)
        batch["positives"] = rows * N_MOVIES + needed[places]
        used = set(needed[places[batch["weights"] > 0]].tolist())
        assert set(needed[15:].tolist()) == used - set(needed[:15].tolist())
    assert sorted(one for batch in some for one in interactions_of(batch)) == all_interactions()
