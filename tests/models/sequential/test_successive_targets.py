"""Successive targets of models of sequences: each is asked for after its true history, and nothing later."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, Family, FeatureSet, SplitConfig, SplitKind, TargetKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.metrics import top_k_of
from movierec_cli.evaluation.queries import Targets
from movierec_cli.models.sequential.packed_batches import Histories
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup
from movierec_cli.models.sequential.sequence_learning import known_ratings, make_model, validation_of
from movierec_cli.models.sequential.sequence_queries import FittedSequences, Reader
from movierec_cli.models.sequential.sequence_training import fit_run
from movierec_cli.models.sequential.shares import Share
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.record import RunConfig
from tests.models.heard import Heard
from tests.models.sequential.rings import N_FILMS, N_USERS, ring_config, ring_dataset
from tests.models.sequential.threaded_group import in_threads

SPLIT = SplitConfig(kind=SplitKind.TEMPORAL, test_fraction=0.3, validation_fraction=0.2)
SUCCESSIVE = replace(SPLIT, targets=TargetKind.SUCCESSIVE)
RING = ring_dataset()
PARTS = split_ratings(RING.ratings, SUCCESSIVE)


def config_of(split: SplitConfig) -> RunConfig:
    plain = ring_config(Family.SASREC, num_epochs=12, validation_freq=12, refit=True)
    return replace(plain, split=split)


def fitted_to(dataset: Dataset, folder: Path, split: SplitConfig = SUCCESSIVE) -> Fitted:
    parts = split_ratings(dataset.ratings, split)
    return fit_run(Fitting(dataset, parts, config_of(split), Heard(), folder))


def with_movies(movies: np.ndarray) -> Dataset:
    return replace(RING, ratings=replace(RING.ratings, movie_index=movies.astype(np.int32)))


@pytest.fixture(scope="module")
def successive(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fitted_to(RING, tmp_path_factory.mktemp("successive"))


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fitted_to(RING, tmp_path_factory.mktemp("together"), SPLIT)


def same_model(one: Fitted, other: Fitted) -> bool:
    mine, theirs = one.parts.artifacts, other.parts.artifacts
    return np.array_equal(mine.user_embeddings, theirs.user_embeddings) and all(
        np.array_equal(value, theirs.weights[name]) for name, value in mine.weights.items()
    )


def test_after_the_true_history_the_next_movie_of_a_ring_is_known(
    successive: Fitted, together: Fitted
) -> None:
    assert top_k_of(successive.parts.outcome, (1,)).unseen[1] > 0.9
    assert top_k_of(together.parts.outcome, (1,)).unseen[1] < 0.6
    best = successive.results["history"][0]
    assert best.validation.recall == best.validation.unseen
    assert best.ndcg > together.results["history"][0].ndcg


def test_what_is_learned_and_kept_is_the_same_however_targets_are_asked_for(
    successive: Fitted, together: Fitted
) -> None:
    assert same_model(successive, together)


def test_training_and_validation_never_see_test(successive: Fitted, tmp_path: Path) -> None:
    """Each user's test movies in another order: nothing but the ranks of test is another."""
    movies = RING.ratings.movie_index.copy()
    for user in range(N_USERS):
        own = PARTS.test[RING.ratings.user_index[PARTS.test] == user]
        movies[own] = movies[own[::-1]]
    other = fitted_to(with_movies(movies), tmp_path)
    assert same_model(successive, other)
    figures = [[one.ndcg for one in fitted.results["history"]] for fitted in (successive, other)]
    assert figures[0] == figures[1]
    tops = [fitted.parts.outcome.top_movies for fitted in (successive, other)]
    np.testing.assert_array_equal(*tops)  # of the lists before each user's first test rating
    ranks = [fitted.parts.outcome.at_their_time.unseen.better for fitted in (successive, other)]
    assert not np.array_equal(*ranks)


def scores_for(dataset: Dataset, row: int) -> np.ndarray:
    """Of a model with its first weights, which reads all ratings that there are: [1, n_movies]."""
    every, sees_time = np.arange(len(dataset.ratings)), FeatureSet.parse(["time_gap", "query_time"])
    config = replace(config_of(SUCCESSIVE), feature_set=sees_time)
    model = make_model(dataset, config, {})
    reader = Reader(model, Histories.of(dataset, every), sees_time)
    queries = FittedSequences(dataset, reader, model.weights()).group_queries(
        Targets.of_rows(dataset.ratings, np.array([row]))
    )
    return queries.score_block(queries.query_of)


@pytest.mark.parametrize("row", PARTS.test[[0, 17, -1]].tolist())
def test_a_query_changes_with_what_came_before_it_and_not_with_its_target_or_later(row: int) -> None:
    ratings, every = RING.ratings, np.arange(len(RING.ratings))
    is_later = (ratings.timestamp > ratings.timestamp[row]) | (
        (ratings.timestamp == ratings.timestamp[row]) & (every >= row)
    )
    other = (ratings.movie_index + 5) % N_FILMS
    of_row = scores_for(RING, row)
    later = with_movies(np.where(is_later, other, ratings.movie_index))
    np.testing.assert_array_equal(scores_for(later, row), of_row)
    earlier = with_movies(np.where(is_later, ratings.movie_index, other))
    assert not np.array_equal(scores_for(earlier, row), of_row)


def test_several_processes_validate_as_one_does(tmp_path: Path) -> None:
    config = replace(config_of(SUCCESSIVE), feature_set=NO_FEATURES)
    share = Share(
        dataset=RING,
        split=PARTS,
        users=np.arange(len(RING.users)),
        ratings=np.arange(len(RING.ratings)),
        config=config,
        vocabularies={},
        checkpoint=tmp_path,
    )
    models = [make_model(RING, config, {}) for _ in range(3)]  # in turn, as threads share the generator

    def ndcg_of(group: ProcessGroup, size: int) -> float | None:
        own, model = share.of_process(group.rank, size), models[group.rank]
        assert own.split.is_successive
        known = known_ratings(own.dataset, config, own.split.train)
        return validation_of(own, model, known, group)(model.weights()).ndcg

    alone = ndcg_of(ALONE, 1)
    assert in_threads(2, lambda group: ndcg_of(group, 2)) == [alone, alone]
