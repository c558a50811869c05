"""Several towers in one hybrid: what is saved gives the mean of their scores, everywhere."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import Family, SplitConfig, SplitKind, TowerConfig
from movierec_cli.experiment.trainer import RunTrainer, deploy
from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.export.npz_model import snippet
from movierec_cli.models.hybrid import hybrid_training
from movierec_cli.models.hybrid.members import n_members, of_members
from movierec_cli.models.hybrid.tower_mean import mean_towers
from movierec_cli.models.memory_estimate import TrainingData, n_parameters
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import new_user, user_of
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import weights_of
from movierec_cli.registry.store import Run, load_run
from movierec_cli.scoring.towers import HISTORY, MOVIE_BIAS, Tower, TowerInput, Towers
from tests.models.heard import Heard
from tests.models.hybrid.conftest import trainer_of
from tests.models.hybrid.test_hybrid_training import LIKED, USERS, dense, parts_of


@dataclass
class _HeardMembers(Heard):
    members: list[tuple[int, int]] = field(default_factory=list)

    def member_started(self, member: int, n_members: int) -> None:
        self.members.append((member, n_members))


@dataclass(frozen=True)
class Pair:
    """A hybrid of two towers, each of them as it was fitted, and what was told."""

    trainer: RunTrainer
    run: Run
    members: list[Fitted]
    heard: _HeardMembers


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, trainer: RunTrainer, trained: Run) -> Iterator[Pair]:
    """Trained after the only one, which is no member of it."""
    usual, heard, members = trainer.config.model, _HeardMembers(), list[Fitted]()
    assert isinstance(usual, TowerConfig)
    own = trainer_of(tmp_path_factory.mktemp("pair"), model=replace(usual, members=2))
    own = RunTrainer(own.config, heard, own.data.dataset)
    with pytest.MonkeyPatch.context() as patch:
        mean_of = hybrid_training.mean_of
        patch.setattr(hybrid_training, "mean_of", lambda each: members.extend(each) or mean_of(each))
        (run,) = own.run()
        yield Pair(own, run, members, heard)


def products(members: list[Fitted]) -> np.ndarray:
    """The mean of the towers' scores: [n_users, n_movies]."""
    each = [one.parts.artifacts for one in members]
    return np.mean([one.user_embeddings @ one.movie_embeddings.T for one in each], axis=0)  # type: ignore[union-attr]


def weighed(run: Run) -> np.ndarray:
    """The sums of weights from the users' movies."""
    known, weights = run.histories, dense(run)
    return np.stack([weights[known.movie[known.starts[u] : known.starts[u + 1]]].sum(axis=0) for u in USERS])


def test_a_saved_score_is_the_mean_of_the_towers_and_the_weights(pair: Pair) -> None:
    run = load_run(pair.run.folder)
    assert len(pair.members) == 2 and run.record.settings["members"] == 2
    one, other = (products([member]) for member in pair.members)
    assert np.abs(one - other).max() > 0.1  # seeds of their own
    expected = products(pair.members) + weighed(run)
    np.testing.assert_allclose(run.scorer.scores(run.scorer.users(USERS)), expected, atol=1e-5)
    rows, codes = np.arange(20), run.towers.codes
    of_towers = run.towers.query.embed(rows, codes) @ run.towers.movie.embed(np.arange(40)).T
    np.testing.assert_allclose(of_towers, products(pair.members), atol=1e-5)


def test_lists_that_were_judged_and_exported_are_of_the_mean(pair: Pair, tmp_path: Path) -> None:
    run, data = pair.run, pair.trainer.data
    ratings, fit, outcome = data.dataset.ratings, data.split.fit, pair.run.outcome
    for user, best in zip(outcome.users.tolist(), outcome.top_movies.tolist(), strict=True):
        first_s = int(ratings.timestamp[outcome.rows[outcome.user_index == user]].min())
        asking = user_of(run, user + 1, first_s)
        scores = asking.scorer_in(run).scores(asking.embedding[None])[0]
        scores[ratings.movie_index[fit[ratings.user_index[fit] == user]]] = -np.inf
        assert best[:10] == np.argsort(-scores, kind="stable")[:10].tolist()
    place = export_run(run, ExportFormat.NPZ, tmp_path / "model.npz").path
    printed = io.StringIO()
    exec(
        snippet(run).replace("USER", "5").replace("model.npz", str(place)),
        {"print": lambda titles: printed.write(" ".join(titles))},
    )
    assert printed.getvalue() == " ".join(one.title for one in recommend(run, user_of(run, 5)).movies)


def test_reasons_and_a_new_user_are_of_the_mean(pair: Pair) -> None:
    parts_of(pair.run, user_of(pair.run, 7))
    parts_of(pair.run, new_user(pair.run, Opinions(LIKED, np.array([20]))))
    counts = np.zeros((1, 40), np.float32)
    counts[0, LIKED] = 1
    each = [one.parts for one in pair.members]
    expected = np.mean(
        [one.towers.of_histories(counts) @ one.artifacts.movie_embeddings.T for one in each],  # type: ignore[union-attr]
        axis=0,
    )
    found = pair.run.towers.of_histories(counts) @ pair.run.artifacts.movie_embeddings.T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_first_of_several_is_the_only_one_of_one(pair: Pair, trained: Run) -> None:
    first = pair.members[0]
    assert first.parts.towers is not None and first.parts.artifacts is not None
    for found, expected in zip(
        first.parts.towers.tables.values(), trained.towers.tables.values(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(first.parts.artifacts.user_embeddings, trained.artifacts.user_embeddings)
    assert [one.ndcg for one in pair.run.record.history] == [one.ndcg for one in trained.record.history]
    n_weights = 40 * 40
    n_towers = trained.record.n_parameters - n_weights
    assert pair.run.record.n_parameters == 2 * n_towers + n_weights


def test_whoever_listens_is_told_which_tower_is_trained(pair: Pair) -> None:
    heard = pair.heard
    assert heard.members == [(1, 2), (2, 2)] * 2 and len(heard.refits) == 2  # to the best epoch, then on
    assert len(heard.records) >= 2 * len(pair.run.record.history) - 1


def test_deployed_each_tower_is_trained_on_with_all_ratings(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, begun = list(pair.members), list[list[np.ndarray]]()
    trained_on_all = hybrid_training.trained_on_all

    def seen(fitting: Fitting, learned: list[np.ndarray], averaged_epochs: float) -> object:
        begun.append(learned)
        return trained_on_all(fitting, learned, averaged_epochs)

    monkeypatch.setattr(hybrid_training, "trained_on_all", seen)
    own = deploy(pair.trainer.data, pair.run, pair.run.folder.parent, Heard())
    members = pair.members[len(judged) :]
    del pair.members[len(judged) :]
    for learned, before in zip(begun, judged, strict=True):  # each goes on from its own weights
        for found, (_, expected) in zip(learned, sorted(weights_of(before.parts).items()), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert len(members) == 2 and len(own.histories.movie) == len(pair.trainer.data.dataset.ratings)
    expected = products(members) + weighed(own)
    np.testing.assert_allclose(own.scorer.scores(own.scorer.users(USERS)), expected, atol=1e-5)


def test_a_search_trains_one_tower(pair: Pair) -> None:
    data, heard = pair.trainer.data, _HeardMembers()
    fitting = Fitting(data.dataset, data.split, pair.run.record.config, heard, Path(), only_validated=True)
    hybrid_training.fit_run(fitting)
    assert heard.members == [] and len(heard.records) == len(pair.run.record.history)


# --- how many ---------------------------------------------------------------------------------------------


def config(
    members: int | None = None, family: Family = Family.HYBRID, kind: SplitKind = SplitKind.RANDOM
) -> RunConfig:
    model = replace(family.spec.model, members=members)  # type: ignore[type-var]
    return RunConfig(family=family, split=SplitConfig(kind=kind), model=model, training=family.spec.training)


def test_small_data_have_several_towers_and_a_million_ratings_one() -> None:
    sizes = {0: 4, 1_000: 4, 76_000: 4, 114_000: 4, 120_000: 3, 200_000: 2, 270_000: 1, 760_000: 1}
    assert {n: n_members(config(), n) for n in sizes} == sizes
    assert n_members(config(3), 10**8) == 3 and n_members(config(family=Family.TWO_TOWER), 1_000) == 1


def test_where_the_future_is_asked_for_ten_times_as_many_ratings_have_several() -> None:
    temporal = config(kind=SplitKind.TEMPORAL)
    sizes = {1_000: 4, 720_000: 4, 1_140_000: 4, 2_000_000: 2, 7_200_000: 1}
    assert {n: n_members(temporal, n) for n in sizes} == sizes
    assert n_members(config(1, kind=SplitKind.TEMPORAL), 1_000) == 1


@pytest.mark.parametrize(("kind", "usual"), [(SplitKind.RANDOM, 10.0), (SplitKind.TEMPORAL, 2.5)])
def test_strengths_are_compared_with_the_one_that_is_usual_on_the_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: SplitKind, usual: float
) -> None:
    """With equal scores on validation it stays."""
    own = trainer_of(tmp_path, split=SplitConfig(kind=kind))
    monkeypatch.setattr(hybrid_training._Choice, "_ndcg", lambda choice, ranks: np.full(7, 0.5))
    (run,) = own.run()
    assert run.record.settings["strength"] == usual


def test_no_tower_has_the_seed_of_another_or_of_the_next_repetition() -> None:
    runs = [replace(config(), training=replace(config().training, seed=seed)) for seed in (42, 43, 44)]  # type: ignore[type-var]
    seeds = [one.training.seed for run in runs for one in of_members(run, 32) if one.training]
    assert len({*seeds}) == len(seeds) and seeds[::32] == [42, 43, 44]


def test_the_memory_of_all_towers_is_counted() -> None:
    data = TrainingData(50, 40, 1_000, {})
    assert n_parameters(config(3), data) == 3 * n_parameters(config(1), data)
    assert n_parameters(config(), data) == 4 * n_parameters(config(1), data)


# --- as arrays --------------------------------------------------------------------------------------------


def towers(seed: int, *, has_bias: bool) -> Towers:
    """Of 5 users, who have a context, and 6 movies, with two relus."""
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    query = (TowerInput("day", True, normal(3, 2)), TowerInput(HISTORY, False, normal(5, 4)))
    movie = (TowerInput("movie_id", False, normal(6, 4)), TowerInput("movie_genres", False, normal(6, 1)))
    layers = ((normal(6, 8), normal(8)), (normal(8, 7), normal(7)), (normal(7, 3), normal(3)))
    of_movies = ((normal(5, 3), normal(3)),)
    if has_bias:
        (kernel, bias), (own, own_bias) = layers[-1], of_movies[0]
        layers = (*layers[:-1], (np.pad(kernel, [(0, 0), (0, 1)]), np.append(bias, np.float32(1))))
        movie = (*movie, TowerInput(MOVIE_BIAS, False, normal(6, 2)))
        through = np.pad(own, [(0, 2), (0, 1)])
        through[-2:, -1] = 1, -1
        of_movies = ((through, np.append(own_bias, np.float32(0))),)
    codes = np.array([[0], [2], [1], [1], [0]], np.int32)
    return Towers(Tower(query, layers), Tower(movie, of_movies), codes, normal(6, 4))


@pytest.mark.parametrize("has_bias", [False, True])
def test_mean_towers_score_as_their_members_do_on_average(has_bias: bool) -> None:
    each = [towers(seed, has_bias=has_bias) for seed in range(3)]
    mean, users, movies = mean_towers(each), np.arange(5), np.arange(6)

    def scores(one: Towers) -> np.ndarray:
        return one.query.embed(users, one.codes) @ one.movie.embed(movies).T

    np.testing.assert_allclose(scores(mean), np.mean([scores(one) for one in each], axis=0), atol=1e-4)
    assert mean.movie.dim == 3 * 3 + has_bias
    if has_bias:  # the last number of a movie stays its bias, of a query the 1
        biases = [one.movie.embed(movies)[:, -1] for one in each]
        np.testing.assert_allclose(mean.movie.embed(movies)[:, -1], np.mean(biases, axis=0), atol=1e-5)
        np.testing.assert_array_equal(mean.query.embed(users, mean.codes)[:, -1], 1)
    whole = mean.query.contributions(users, mean.codes).sum(axis=1)
    np.testing.assert_allclose(whole, mean.query.embed(users, mean.codes), atol=1e-4)
