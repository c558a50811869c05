"""Whole trainings: what they learn, read and give, and that a killed one is resumed as if nothing was."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.config import Family, FeatureSet, LossKind, Schedule, SplitConfig, SplitKind, TrainingConfig
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import split_ratings
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings
from movierec_cli.evaluation.metrics import mean_ndcg, ndcg, top_k_of
from movierec_cli.evaluation.ranks import Ranks
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.memory_estimate import TrainingData, n_parameters
from movierec_cli.models.sequential import sequence_learning as learning
from movierec_cli.models.sequential import sequence_training as training
from movierec_cli.models.sequential.sequence_queries import FittedSequences, Reader
from movierec_cli.models.sequential.sequence_training import fit_run
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.run_parts import RunParts
from tests.models.heard import Heard
from tests.models.sequential.rings import (
    FEATURES,
    NO_RATINGS,
    RATED_BY_NOBODY,
    SIZES,
    ring_config,
    ring_dataset,
    trained,
)

FAMILIES = [Family.SASREC, Family.GRU4REC, Family.HSTU]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_ring_is_learned_and_the_epoch_of_the_best_ndcg_is_kept(trained_ring, family):
    model = trained_ring(family).model
    outcome, results, history = model.parts.outcome, model.results, model.results["history"]
    assert top_k_of(outcome, (1,)).unseen[1] > 0.95
    assert len(outcome.rows) > 40
    assert results["best_epoch"] == max(history, key=lambda record: record.ndcg).epoch
    assert history[-1].train_loss < history[0].train_loss < np.log(RATED_BY_NOBODY + 1)


def test_a_fit_that_only_validates_has_the_same_validations_and_never_looks_at_test(tmp_path):
    dataset, config = ring_dataset(), ring_config(Family.GRU4REC, num_epochs=2, refit=False)
    split = split_ratings(dataset.ratings, config.split)
    nowhere = replace(split, test=np.array([len(dataset.ratings)]))
    whole, only = (
        fit_run(Fitting(dataset, part, config, Heard(), tmp_path / str(flag), only_validated=flag))
        for part, flag in ((split, False), (nowhere, True))
    )
    figures = [[one.ndcg for one in fitted.results["history"]] for fitted in (whole, only)]
    assert figures[0] == figures[1] and only.results["best_epoch"] == whole.results["best_epoch"]
    assert only.parts == RunParts()


@pytest.mark.parametrize("family", FAMILIES)
def test_all_parameters_are_counted_and_kept_and_all_embeddings_finite(trained_ring, family):
    """Those of users and movies without ratings, too."""
    model, arrays = trained_ring(family).model, trained_ring(family).model.parts.artifacts
    assert len(arrays.user_embeddings) == NO_RATINGS + 1
    assert len(arrays.movie_embeddings) == RATED_BY_NOBODY + 1
    assert np.isfinite(arrays.user_embeddings).all() and np.isfinite(arrays.movie_embeddings).all()
    kept = {name: one for name, one in arrays.weights.items() if "/" in name}
    assert model.results["n_parameters"] == sum(one.size for one in kept.values())
    assert set(arrays.weights) - set(kept) == {"history_table"}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_estimate_of_memory_counts_the_parameters_of_the_model_that_is_built(trained_ring, family):
    ring = trained_ring(family)
    data = TrainingData.of(ring.dataset, ring.split, ring.config.feature_set)
    assert n_parameters(ring.config, data) == ring.model.results["n_parameters"]
    deep = replace(SIZES, num_layers=3, hidden_size=10, shared_embeddings=family is Family.GRU4REC)
    config = replace(ring.config, model=deep)
    vocabularies = fit_features(ring.dataset, ring.split.train, config.feature_set)
    built = learning.make_model(ring.dataset, config, vocabularies)
    assert n_parameters(config, data) == sum(one.size for one in built.weights())


def same_numbers(one: Fitted, other: Fitted) -> bool:
    def without_seconds(model: Fitted):
        return [replace(record, elapsed_s=0.0) for record in model.results["history"]], model.results[
            "best_epoch"
        ]

    theirs = other.parts.artifacts.weights
    return without_seconds(one) == without_seconds(other) and all(
        np.array_equal(value, theirs[name]) for name, value in one.parts.artifacts.weights.items()
    )


def test_a_killed_training_goes_on_as_if_it_had_not_been(trained_ring, tmp_path):
    whole = trained_ring(Family.SASREC).model
    with pytest.raises(KeyboardInterrupt):
        trained(Family.SASREC, tmp_path, Heard(kill_after=5))
    heard = Heard()
    resumed = trained(Family.SASREC, tmp_path, heard).model
    assert heard.resumed_at == [5]
    assert heard.epochs == list(range(6, 17))
    assert same_numbers(whole, resumed)
    assert resumed.results["training_s"] > resumed.results["history"][0].elapsed_s > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_weights_are_the_seed_s(family):
    def first_weights(seed: int) -> list[np.ndarray]:
        model = learning.make_model(ring_dataset(), ring_config(family, seed=seed), {})
        return [np.asarray(one) for one in model.weights()]

    one, again, other = (first_weights(seed) for seed in (1, 1, 2))
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(one, again, strict=True))
    sampled = [place for place, values in enumerate(one) if len(np.unique(values)) > 1]  # the rest are 0 or 1
    assert len(sampled) >= 4
    assert all(not np.array_equal(one[place], other[place]) for place in sampled)


def watched_readers(patch: pytest.MonkeyPatch) -> list[Reader]:
    """The readers that trainings make from now on."""
    readers: list[Reader] = []

    class Watched(Reader):
        def __init__(self, *args):
            super().__init__(*args)
            readers.append(self)

    for module in (learning, training):
        patch.setattr(module, "Reader", Watched)
    return readers


@pytest.fixture(scope="module")
def small_windows(tmp_path_factory: pytest.TempPathFactory):
    """A training on windows, with the histories that were read for validation and for test."""
    config = replace(
        ring_config(Family.GRU4REC),
        feature_set=FeatureSet(),
        split=SplitConfig(kind=SplitKind.WINDOWS),
        model=replace(SIZES, windows=True, schedule=Schedule.CONSTANT),
        training=TrainingConfig(
            num_epochs=2, loss=LossKind.IN_BATCH, batch_size=64, validation_freq=1, refit=False
        ),
    )
    dataset = ring_dataset()
    split = split_ratings(dataset.ratings, config.split)
    with pytest.MonkeyPatch.context() as patch:
        readers = watched_readers(patch)
        model = fit_run(Fitting(dataset, split, config, Heard(), tmp_path_factory.mktemp("windows")))
    return dataset, split, model, readers


def test_windows_are_learned_from_train_and_read_from_everything(small_windows):
    dataset, _, _, readers = small_windows
    assert len(readers) == 2
    for reader in readers:
        assert np.sort(reader.histories.rows).tolist() == list(range(len(dataset.ratings)))


@pytest.mark.parametrize("kind", [SplitKind.LEAVE_LAST, SplitKind.TEMPORAL, SplitKind.WINDOWS])
def test_train_alone_is_learned_and_but_for_windows_read(monkeypatch, tmp_path, kind):
    """What a training is about to do, without doing it."""
    dataset = ring_dataset()
    config = replace(ring_config(Family.GRU4REC), split=SplitConfig(kind=kind))
    split = split_ratings(dataset.ratings, config.split)
    fits: list[learning.SequenceFit] = []

    def begin(fit: learning.SequenceFit, *others: object) -> None:
        fits.append(fit)
        raise KeyboardInterrupt

    readers = watched_readers(monkeypatch)
    monkeypatch.setattr(learning, "fit_sequences", begin)
    with pytest.raises(KeyboardInterrupt):
        fit_run(Fitting(dataset, split, config, Heard(), tmp_path))
    read = np.arange(len(dataset.ratings)) if kind is SplitKind.WINDOWS else split.train
    maker = fits[0].batches.maker
    for histories in (readers[0].histories, maker.histories):
        assert np.sort(histories.rows).tolist() == read.tolist()
    starts = maker.histories.starts
    firsts = set(maker.histories.rows[starts[:-1][np.diff(starts) > 0]].tolist())
    learned = set(maker.histories.rows[maker.is_target].tolist())
    assert learned == set(split.train.tolist()) - firsts


def test_the_in_batch_validation_loss_is_the_softmax_over_the_batch_s_films(small_windows):
    """The last epoch's: of the weights that are kept, if it was the best."""
    dataset, split, model, readers = small_windows
    last = model.results["history"][-1]
    rows = split.validation
    fitted = FittedSequences(dataset, readers[0], readers[0].model.weights())
    assert model.results["best_epoch"] == last.epoch  # chosen so that it is
    asked = learning.Targets.of_rows(dataset.ratings, rows)
    questions = fitted.group_queries(asked)
    scores = questions.score_block(questions.query_of)[:, dataset.ratings.movie_index[rows]]
    losses = np.log(np.exp(scores.astype(float)).sum(axis=1)) - scores.diagonal()
    assert last.validation_loss == pytest.approx(losses.mean(), rel=1e-4)


def test_the_outcome_s_ndcg_is_evaluation_s(trained_ring):
    """Where each user has one test rating, what chooses epochs is what is reported."""
    outcome = trained_ring(Family.SASREC).model.parts.outcome
    found = mean_ndcg(outcome.at_their_time.unseen, outcome.user_index)
    assert found == pytest.approx(float(ndcg(outcome, 10).mean()), rel=1e-9)


def test_validation_reads_and_masks_train_alone(trained_ring):
    """Judged again from the saved weights: the kept epoch's NDCG, and the outcome."""
    ring = trained_ring(Family.GRU4REC)
    vocabularies = fit_features(ring.dataset, ring.split.train, FeatureSet.parse(["movie_genres"]))
    model = learning.make_model(ring.dataset, ring.config, vocabularies)
    named = ring.model.parts.artifacts.weights
    model.assign([named[name] for name in sorted(named) if "/" in name])

    def fitted(known: np.ndarray) -> FittedSequences:
        histories = learning.Histories.of(ring.dataset, known)
        return FittedSequences(
            ring.dataset, Reader(model, histories, FEATURES[Family.GRU4REC]), model.weights()
        )

    seen = movies_of_users(ring.dataset, ring.split.train)
    ranks = rank_ratings(ring.dataset, ring.split.validation, fitted(ring.split.train), seen)
    best = next(one for one in ring.model.results["history"] if one.epoch == ring.model.results["best_epoch"])
    users = ring.dataset.ratings.user_index[ring.split.validation]
    assert best.ndcg == pytest.approx(mean_ndcg(ranks.unseen, users), rel=1e-6)
    outcome = evaluate(ring.dataset, ring.split.fit, ring.split.test, fitted(ring.split.fit))
    np.testing.assert_array_equal(outcome.top_movies, ring.model.parts.outcome.top_movies)
    np.testing.assert_array_equal(
        outcome.at_their_time.unseen.better, ring.model.parts.outcome.at_their_time.unseen.better
    )


def test_no_two_ratings_of_a_user_in_train_and_an_in_batch_loss_without_windows_are_refused(tmp_path):
    dataset, config = ring_dataset(), ring_config(Family.SASREC)
    split = split_ratings(dataset.ratings, config.split)
    _, first = np.unique(dataset.ratings.user_index, return_index=True)
    with pytest.raises(MovierecError, match="no user has two ratings"):
        fit_run(Fitting(dataset, replace(split, train=np.sort(first)), config, Heard(), tmp_path))
    with pytest.raises(MovierecError, match="--windows"):
        trained(Family.SASREC, tmp_path, loss=LossKind.IN_BATCH)


@pytest.mark.parametrize("batch_size", [48, 10_000])
def test_a_rate_that_is_far_too_high_ends_training_with_the_option_named(tmp_path, batch_size):
    """With one step an epoch no loss tells: only validation sees what the step did to the weights."""
    with pytest.raises(MovierecError, match=r"diverged.*--learning_rate"):
        trained(Family.GRU4REC, tmp_path, learning_rate=1e30, batch_size=batch_size)


def plain_gain(better: int, tied: int, k: int) -> float:
    """The mean over the places that the positive can have."""
    places = range(better, better + tied)
    return sum(1 / np.log2(place + 2) for place in places if place < k) / tied


@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_ndcg_of_one_rating_each_is_the_expected_gain_over_the_orders_of_a_tie(k):
    generator = np.random.default_rng(0)
    better, tied = generator.integers(0, 14, 200), generator.integers(1, 6, 200)
    expected = np.mean([plain_gain(b, t, k) for b, t in zip(better, tied, strict=True)])
    ranks = Ranks(better.astype(np.int32), tied.astype(np.int32))
    found = mean_ndcg(ranks, np.arange(200, dtype=np.int32), k)
    assert found == pytest.approx(expected, rel=1e-12)
