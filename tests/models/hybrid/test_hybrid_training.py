"""A trained hybrid: what is saved of it is what was evaluated, and every command finds it."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import FeatureSet, Monitor, SplitConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.evaluation.metrics import NO_TOP_K, PerUser
from movierec_cli.experiment.trainer import RunTrainer, deploy
from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.export.npz_model import snippet
from movierec_cli.models.hybrid import hybrid_training, item_evidence
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import Fitting, Validation
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.response import similar_movies
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry.forget import forget_user
from movierec_cli.registry.manifest import manifest_bytes
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run, load_run
from movierec_cli.reports.web.explore_listed import PageLists
from movierec_cli.reports.web.explore_page import write_explore
from movierec_cli.storage import codec
from tests.export.expected_lists import check_lists, expected_ids
from tests.export.test_formats import FORMATS, exported
from tests.models.hybrid.conftest import trainer_of
from tests.recommend.test_genre_evidence import evidence_by_hand

LIKED, DISLIKED = np.array([3, 8]), np.array([20])
USERS = np.arange(20)


def dense(run: Run) -> np.ndarray:
    """The weights from every movie to every movie."""
    weights = np.zeros((40, 40), np.float32)
    for row in range(40):
        one = run.item_weights.at(run.histories.place_of(row))
        weights[row, one.columns] = one.values
    return weights


def by_hand(run: Run) -> np.ndarray:
    """The scores of all users, in loops: [n_users, n_movies]."""
    artifacts, weights, known = run.artifacts, dense(run), run.histories
    scores = np.zeros((20, 40))
    for user in range(20):
        for movie in range(40):
            product = artifacts.user_embeddings[user].astype(float) @ artifacts.movie_embeddings[movie]
            history = known.movie[known.starts[user] : known.starts[user + 1]]
            scores[user, movie] = product + sum(float(weights[one, movie]) for one in history)
    return scores


def test_what_is_saved_makes_lists_of_both_halves(trained: Run) -> None:
    run, expected = load_run(trained.folder), by_hand(trained)
    np.testing.assert_allclose(run.scorer.scores(run.scorer.users(USERS)), expected, rtol=1e-5, atol=1e-6)
    many = recommend_all(run, range(1, 21), top=5, filters=Filters(include_seen=True))
    for user in range(20):
        found = recommend(
            load_run(trained.folder), user_of(run, user + 1), top=5, filters=Filters(include_seen=True)
        )
        listed = np.argsort(-expected[user], kind="stable")[:5].tolist()
        assert list(found.rows) == listed == many.rows[user].tolist()


def test_a_fit_that_only_validates_has_the_same_validations_and_never_looks_at_test(
    trained: Run, trainer: RunTrainer
) -> None:
    data, config = trainer.data, trained.record.config
    nowhere = replace(data.split, test=np.array([len(data.dataset.ratings)]))
    only = hybrid_training.fit_run(
        Fitting(data.dataset, nowhere, config, TrainingObserver(), Path(), only_validated=True)
    )
    figures = [[one.ndcg for one in history] for history in (only.results["history"], trained.record.history)]
    assert figures[0] == figures[1] and only.results["best_epoch"] == trained.record.best_epoch
    assert only.parts == RunParts()


def parts_of(run: Run, user: User) -> None:
    """Each way to add up a score comes to it."""
    scores = user.scorer_in(run).scores(user.embedding[None])[0]
    for why in explain(run, user, np.arange(40)):
        assert why.score == pytest.approx(scores[why.movie], abs=1e-5)
        assert why.advantage == pytest.approx(scores[why.movie] - scores.mean(), abs=1e-5)
        ways = [sum(part for _, part in why.of_movies) + why.rest, sum(why.of_movie_features.values())]
        if why.of_user_features:
            ways.append(sum(why.of_user_features.values()))
        assert ways == pytest.approx([why.advantage] * len(ways), abs=1e-5)


@pytest.mark.parametrize("as_of_s", [None, 1_001_000_000])
def test_reasons_of_a_user_of_the_data_add_up_to_the_score(trained: Run, as_of_s: int | None) -> None:
    for user_id in (1, 20):
        parts_of(trained, user_of(trained, user_id, as_of_s))


def test_a_new_user_is_known_by_history_weights_and_genres(trained: Run) -> None:
    opinions = Opinions(LIKED, DISLIKED)
    user = new_user(trained, opinions)
    parts_of(trained, user)
    counts = np.zeros(40, np.float32)
    counts[LIKED], counts[DISLIKED] = 1, -1
    known = trained.histories
    times = np.bincount(known.movie, minlength=40)
    weights, unknown = dense(trained).astype(float), 20 / 23
    strength = trained.record.settings["strength"]
    assert strength > 1  # weights are saved times it, and count as they were fitted
    filled_in = 4 * unknown * weights @ weights / strength
    rows = (np.eye(40) - unknown * times / times.sum()) @ (weights + filled_in)
    genres = trained.catalogue.genres
    base = (times / times.sum() @ genres + 1 / 40) / (1 + 2 / 40)
    expected = trained.towers.of_histories(counts[None])[0] @ trained.artifacts.movie_embeddings.T
    expected = expected + counts @ rows
    expected += 0.15 * unknown * np.array(evidence_by_hand(genres, base.tolist(), LIKED.tolist(), 15))
    found = user.scorer_in(trained).scores(user.embedding[None])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert not {3, 8, 20} & set(recommend(trained, user).rows)
    assert len(similar_movies(trained, 3).movies) == 10
    assert recommend(trained, user, top=8, diversity=0.9).variety is not None


def test_of_a_large_catalogue_the_weights_that_are_kept_make_the_lists_that_were_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_evidence, "MOST_MOVIES", 12)
    monkeypatch.setattr(item_evidence, "KEPT", 5)
    trainer = trainer_of(tmp_path, feature_sets=(FeatureSet(),))
    (run,) = trainer.run()
    assert run.item_weights.columns is not None and run.histories.n_weights == 12 * 5
    read = load_run(run.folder)
    expected = by_hand(run)
    np.testing.assert_allclose(read.scorer.scores(read.scorer.users(USERS)), expected, rtol=1e-5, atol=1e-6)
    parts_of(read, user_of(read, 7))
    ratings, fit = trainer.data.dataset.ratings, trainer.data.split.fit
    for user, best in zip(run.outcome.users.tolist(), run.outcome.top_movies.tolist(), strict=True):
        own = expected[user].copy()
        own[ratings.movie_index[fit[ratings.user_index[fit] == user]]] = -np.inf
        assert best[:10] == np.argsort(-own, kind="stable")[:10].tolist()
    n_weights = np.diff(run.histories.weight_starts)
    weighted, other = int(n_weights.argmax()), int(n_weights.argmin())
    parts_of(read, new_user(read, Opinions(np.array([weighted, other]))))
    assert len(similar_movies(read, weighted).movies) == 10


def test_the_model_is_counted_saved_and_chosen_as_it_says(trained: Run) -> None:
    record = trained.record
    assert record.settings["strength"] in hybrid_training.STRENGTHS and record.settings["l2"] >= 50
    n_towers = sum(one.size for one in trained.weights.values())
    assert record.n_parameters >= n_towers - 16 + 40 * 40  # without the state of dropout's generators
    assert record.config.label == "hybrid + movie_genres + user_gender + day_of_week"
    assert record.name.startswith("small-hybrid-movie_genres-")
    assert all(one.ndcg is not None for one in record.history) and record.best_epoch in (6, 12)


def test_an_exported_npz_recommends_alike(trained: Run, tmp_path: Path) -> None:
    place = export_run(trained, ExportFormat.NPZ, tmp_path / "model.npz").path
    printed = io.StringIO()
    code = snippet(trained).replace("USER", "5").replace("model.npz", str(place))
    exec(code, {"print": lambda titles: printed.write(" ".join(titles))})
    assert printed.getvalue() == " ".join(one.title for one in recommend(trained, user_of(trained, 5)).movies)


@pytest.mark.parametrize("form", FORMATS)
def test_an_exported_model_adds_both_halves_at_any_time(
    trained: Run, tmp_path: Path, form: ExportFormat
) -> None:
    call = exported(trained, form, tmp_path)
    check_lists(trained, call)
    found = call([3, 20], 10, seconds=[1_001_000_000] * 2)["movie_id"].tolist()
    assert found == [expected_ids(trained, user, 10, seconds=1_001_000_000) for user in (3, 20)]
    assert call([999], 1)["known"].tolist() == [False]


def test_its_page_holds_the_lists_and_reasons_of_the_program(trained: Run, tmp_path: Path) -> None:
    pages = PageLists(trained, np.arange(40), USERS, n_listed=6, n_reasons=3)
    lists, (near, nearness) = pages.recommended(), pages.near()
    why = pages.reasons(lists)
    for row in (0, 13, 19):
        user = user_of(trained, row + 1)
        expected = recommend(trained, user, top=6)
        assert pages.in_page(lists.rows)[row].tolist() == list(expected.rows)
        for place, one in enumerate(explain(trained, user, expected.rows)):
            first = zip(why.rows[row, place].tolist(), why.contributions[row, place].tolist(), strict=True)
            assert [*first] == [(other, pytest.approx(part, abs=1e-5)) for other, part in one.of_movies[:3]]
            movies = why.contributions[row, place].sum() + why.of_others[row, place]
            assert movies + why.rest[row, place] == pytest.approx(one.advantage, abs=1e-4)
            assert why.rest[row, place] == pytest.approx(one.rest, abs=1e-4)
        alike = similar_movies(trained, row, top=6).movies
        assert trained.catalogue.movie_id[near[row]].tolist() == [one.movie_id for one in alike]
        assert nearness[row].tolist() == pytest.approx([one.similarity for one in alike])
    (said,) = write_explore(trained, tmp_path / "explore.html").left_out
    assert "also adds up weights from movie to movie, which a map of its vectors would leave out" in said


def test_deployed_it_knows_all_ratings_and_keeps_its_settings(trainer: RunTrainer, trained: Run) -> None:
    own = deploy(trainer.data, trained, trained.folder.parent, TrainingObserver())
    assert own.record.settings == trained.record.settings and own.record.test == NO_TOP_K
    assert len(own.histories.movie) == len(trainer.data.dataset.ratings)
    np.testing.assert_allclose(own.scorer.scores(own.scorer.users(USERS)), by_hand(own), rtol=1e-5, atol=1e-6)


def test_who_is_forgotten_is_gone_and_the_others_get_the_same(trained: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / trained.folder.name)
    before = {user: recommend(load_run(folder), user_of(load_run(folder), user)).movies for user in (3, 20)}
    traces = [one.table[6].tobytes() for one in trained.towers.query.inputs if one.name == "user_history"]
    assert forget_user(tmp_path, 7)
    after = load_run(folder)
    assert {user: recommend(after, user_of(after, user)).movies for user in (3, 20)} == before
    content = b"".join((folder / name).read_bytes() for name in ("towers.npz", "artifacts.npz"))
    assert not any(trace in content for trace in traces)
    assert len(after.histories.starts) == 20


def test_towers_without_the_table_of_histories_are_damaged(trained: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / trained.folder.name)
    towers = codec.to_bytes(replace(trained.towers, history=None))
    (folder / "towers.npz").write_bytes(towers)
    files = {one.name: one.read_bytes() for one in folder.iterdir() if one.name != "run.json"}
    (folder / "run.json").write_bytes(manifest_bytes(trained.record, files))
    with pytest.raises(SavedModelError, match=r"towers\.npz.*no table of histories"):
        new_user(load_run(folder), Opinions(LIKED))


# --- what is chosen on validation -----------------------------------------------------------------------


def validation(*of_users: float, score: float | None = None) -> Validation:
    values = np.array(of_users)
    return Validation(values.mean() if score is None else score, NO_TOP_K, of_users=values)


def test_a_later_epoch_is_kept_unless_it_is_worse_by_a_standard_error() -> None:
    best = validation(0.5, 0.4, 0.6, 0.5)
    assert validation(0.6, 0.5, 0.7, 0.6).is_as_good_as(best)
    a_little = validation(0.1, 0.7, 0.6, 0.5)  # lower by .025 ± .14
    assert a_little.score < best.score and a_little.is_as_good_as(best)
    much = validation(0.4, 0.31, 0.5, 0.4)  # lower by .0975 ± .0025
    assert not much.is_as_good_as(best)
    assert not replace(a_little, of_users=None).is_as_good_as(best)
    assert not a_little.is_as_good_as(replace(best, of_users=None))
    assert not validation(0.4).is_as_good_as(validation(0.5))


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({}, 10.0),
        ({20.0: (0.3, -0.2, 0.1)}, 10.0),  # better, and not by a standard error
        ({20.0: (0.3, 0.2, 0.25)}, 20.0),
        ({5.0: (0.1, 0.1, 0.1), 2.5: (0.2, 0.2, 0.2)}, 2.5),
        ({20.0: (0.1, 0.1, 0.1), 40.0: (0.1, 0.1, 0.0)}, 20.0),
    ],
)
def test_the_usual_strength_is_left_only_for_one_that_is_better_by_a_standard_error(
    monkeypatch: pytest.MonkeyPatch, gains: dict[float, tuple[float, ...]], expected: float
) -> None:
    def ndcg(self: object, place: int) -> PerUser:
        return np.array([0.4, 0.5, 0.3]) + np.array(gains.get(hybrid_training.STRENGTHS[place], (0.0,) * 3))

    choice = object.__new__(hybrid_training._Choice)
    choice._usual = hybrid_training.STRENGTHS.index(10.0)
    monkeypatch.setattr(hybrid_training._Choice, "_sum", lambda self, place: place)
    monkeypatch.setattr(hybrid_training._Choice, "_ranks", lambda self, place: place)
    monkeypatch.setattr(hybrid_training._Choice, "_ndcg", ndcg)
    assert choice.strength() == expected


def test_recall_can_choose_the_epoch_and_each_seed_and_fold_is_a_run(tmp_path: Path) -> None:
    usual = trainer_of(tmp_path).config.training
    training = replace(usual, num_epochs=1, validation_freq=1, monitor=Monitor.RECALL, refit=False)
    quick = {"training": training, "feature_sets": (FeatureSet(),)}
    seeds = trainer_of(tmp_path, **quick, n_seeds=3).run_configs()
    assert [one.training.seed for one in seeds if one.training] == [42, 43, 44]
    first, second = trainer_of(tmp_path, **quick, split=SplitConfig(folds=2)).run()
    assert [one.record.config.split.fold for one in (first, second)] == [0, 1]
    assert {*first.outcome.rows} | {*second.outcome.rows} == set(range(310))
    assert first.record.history[0].validation.recall[100] == 1.0  # of 40 movies
    np.testing.assert_allclose(
        second.scorer.scores(second.scorer.users(USERS)), by_hand(second), rtol=1e-5, atol=1e-6
    )
