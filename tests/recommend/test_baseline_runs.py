"""Runs of baselines that rank: asked from their folders, they answer as the ranker of the evaluation does."""

import io
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import BASELINES, Family, SplitConfig, SplitKind
from movierec_cli.data.dataset import Users
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.export import model_arrays
from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat, IndexKind
from movierec_cli.export.npz_model import snippet
from movierec_cli.models.baselines.fit_baseline import fit_baseline
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.fold_in import Opinions, fold_in_factors
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.response import similar_movies
from movierec_cli.recommend.users import new_user, user_of
from movierec_cli.registry.store import load_run, save_run
from movierec_cli.reports.web.explore_listed import NOWHERE, PageLists
from movierec_cli.storage import codec
from tests.export.expected_lists import check_lists
from tests.export.test_formats import FORMATS, exported
from tests.recommend.test_genre_evidence import evidence_by_hand
from tests.saved_runs import baseline_run
from tests.small_dataset import small_dataset

SOURCE = small_dataset()
SPLIT = SplitConfig(kind=SplitKind.RANDOM)
DATA = split_data(SOURCE, SPLIT)
WEIGHTED = (Family.EASE, Family.ITEM_KNN)
every_family = pytest.mark.parametrize("family", BASELINES)
LIKED, DISLIKED = np.array([3, 8]), np.array([20])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    directory = tmp_path_factory.mktemp("saved_models")
    return {family: baseline_run(directory, SOURCE, family, SPLIT).folder for family in BASELINES}


def scores_of(family: Family) -> np.ndarray:
    """As the evaluation has them: [n_users, n_movies]."""
    return fit_baseline(family, DATA.dataset, DATA.split).model.score_users(np.arange(len(SOURCE.users)))


@every_family
def test_lists_and_scores_are_the_ranker_s(folders: dict[Family, Path], family: Family) -> None:
    run, scores = load_run(folders[family]), scores_of(family)
    np.testing.assert_allclose(run.scorer.scores(run.scorer.users(np.arange(20))), scores, rtol=1e-5)
    if family in WEIGHTED:
        np.testing.assert_array_equal(run.scorer.scores(run.scorer.users(np.arange(20))), scores)
    many = recommend_all(load_run(folders[family]), range(1, 21), top=5, filters=Filters(include_seen=True))
    for user in range(20):
        found = recommend(run, user_of(run, user + 1), top=5, filters=Filters(include_seen=True))
        expected = np.argsort(-scores[user], kind="stable")[:5]
        assert list(found.rows) == expected.tolist() == many.rows[user].tolist()


@every_family
def test_a_user_without_training_ratings_gets_popularity(tmp_path: Path, family: Family) -> None:
    cold = replace(SOURCE, users=Users(user_id=np.arange(1, 22)))
    run = baseline_run(tmp_path, cold, family, SPLIT)
    data = split_data(cold, SPLIT)
    popularity = np.bincount(data.dataset.ratings.movie_index[data.split.fit], minlength=40)
    found = run.scorer.scores(run.scorer.users(np.array([20])))[0]
    if family is not Family.RECENT_POPULARITY:
        np.testing.assert_array_equal(found, popularity)
    (why,) = explain(run, user_of(run, 21), [4])
    assert why.is_popularity and why.score == found[4]


COUNTS = np.bincount(DATA.dataset.ratings.movie_index[DATA.split.fit], minlength=40)


def likeness_of(genres: np.ndarray, similar: np.ndarray) -> np.ndarray:
    """To the movie at row 3: by weights, in standard deviations, and by genres."""
    base = (COUNTS / COUNTS.sum() @ genres + 1 / 40) / (1 + 2 / 40)
    return similar / similar.std() + evidence_by_hand(genres, base.tolist(), [3], prior=5)


def of_new_user(weights: np.ndarray, n: int) -> np.ndarray:
    """What each movie adds to scores where a new user of EASE names n: [n_movies, n_movies]."""
    unknown = 20 / (20 + n)
    return (np.eye(40) - unknown * COUNTS / COUNTS.sum()) @ (weights + 4 * unknown * weights @ weights)


@pytest.mark.parametrize("family", WEIGHTED)
def test_weights_make_lists_of_new_users_reasons_and_neighbours(
    folders: dict[Family, Path], family: Family
) -> None:
    run = load_run(folders[family])
    known = run.histories
    weights = np.zeros((40, 40))
    for row in range(40):
        one = load_run(folders[family]).item_weights.at(known.place_of(row))
        weights[row, one.columns] = one.values
    own = weights
    if family is Family.EASE:
        own = of_new_user(weights, n=1) / np.sqrt(COUNTS + 10)
        weights = of_new_user(weights, n=3)
    expected = weights[LIKED].sum(axis=0) - weights[DISLIKED].sum(axis=0)
    user = new_user(run, Opinions(LIKED, DISLIKED))
    found = recommend(run, user, top=40, filters=Filters(include_seen=True))
    assert "item_weights" not in run.__dict__  # only rows were read
    np.testing.assert_allclose([movie.score for movie in found.movies], expected[list(found.rows)], atol=1e-5)
    (why,) = explain(run, user, [11])
    parts = dict(why.of_movies)
    for row, sign in ((3, 1), (8, 1), (20, -1)):
        assert parts[row] == pytest.approx(sign * (weights[row, 11] - weights[row].mean()))
    assert sum(parts.values()) == pytest.approx(why.advantage, abs=1e-6) and abs(why.rest) < 1e-5
    near = similar_movies(run, 3, top=39)
    values = np.delete(likeness_of(run.catalogue.genres, own[3]), 3)
    np.testing.assert_allclose([one.similarity for one in near.movies], np.sort(values)[::-1], rtol=1e-4)
    varied = recommend(run, user, top=8, diversity=0.9)
    assert varied.rows != recommend(run, user, top=8).rows and 0 < varied.variety < 2
    histories = movies_of_users(DATA.dataset, DATA.split.fit)
    for user_row in range(20):
        own = known.movie[known.starts[user_row] : known.starts[user_row + 1]]
        assert own.tolist() == sorted(histories[user_row].tolist())


def test_a_new_user_of_ials_gets_the_factors_of_its_least_squares(folders: dict[Family, Path]) -> None:
    run = load_run(folders[Family.IALS])
    settings, movies = run.record.settings, run.artifacts.movie_embeddings.astype(np.float64)
    confidence = np.ones(40)
    confidence[[3, 8, 20]] = settings["alpha"]
    wish = np.zeros(40)
    wish[LIKED], wish[DISLIKED] = 1, -1
    left = movies.T @ (confidence[:, None] * movies) + settings["regularization"] * np.eye(movies.shape[1])
    expected = np.linalg.solve(left, movies.T @ (confidence * wish))
    found = new_user(run, Opinions(LIKED, DISLIKED)).embedding
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="regularization 0 and alpha 0"):
        fold_in_factors(np.zeros((4, 2), np.float32), Opinions(LIKED[:1]), regularization=0, alpha=0)
    assert 0 <= similar_movies(run, 3, top=1).movies[0].similarity <= 1.000001


@every_family
def test_an_exported_npz_recommends_alike(
    folders: dict[Family, Path], family: Family, tmp_path: Path
) -> None:
    run = load_run(folders[family])
    place = export_run(run, ExportFormat.NPZ, tmp_path / "model.npz").path
    code = snippet(run).replace("USER", "5").replace("model.npz", str(place))
    printed = io.StringIO()
    exec(code, {"print": lambda titles: printed.write(" ".join(titles))})
    assert printed.getvalue() == " ".join(movie.title for movie in recommend(run, user_of(run, 5)).movies)


def test_what_a_kind_cannot_do_is_refused_in_words(
    folders: dict[Family, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popular, ease = (load_run(folders[family]) for family in (Family.POPULARITY, Family.EASE))
    with pytest.raises(MovierecError, match="recommends the same to everybody and puts none near another"):
        similar_movies(popular, 3)
    with pytest.raises(MovierecError, match="puts none near another"):
        recommend(popular, user_of(popular, 1), diversity=0.5)
    with pytest.raises(MovierecError, match="does not see the time"):
        user_of(ease, 1, as_of_s=1_000_000_000)
    with pytest.raises(MovierecError, match="--index scann finds what is near in vectors"):
        export_run(ease, ExportFormat.SAVEDMODEL, tmp_path / "out", index=IndexKind.SCANN)
    monkeypatch.setattr(model_arrays, "MOST_WEIGHED", 39)
    for form in (ExportFormat.ONNX, ExportFormat.SAVEDMODEL):
        with pytest.raises(MovierecError, match="up to 39 movies, and there are 40; use --format npz"):
            export_run(ease, form, tmp_path / "out")


@pytest.mark.parametrize("family", [family for family in BASELINES if family is not Family.IALS])
def test_a_page_without_a_map_holds_the_lists_and_reasons_of_the_program(
    folders: dict[Family, Path], family: Family
) -> None:
    run = load_run(folders[family])
    pages = PageLists(run, np.arange(40), np.arange(20), n_listed=10, n_reasons=3)
    lists, (near, nearness) = pages.recommended(), pages.near()
    why = pages.reasons(lists)
    for row in range(20):
        user = user_of(run, row + 1)
        expected = recommend(run, user)
        assert [one for one in pages.in_page(lists.rows)[row] if one != NOWHERE] == list(expected.rows)
        for place, one in enumerate(explain(run, user, expected.rows)):
            first = [] if one.is_popularity else one.of_movies[:3]
            found = zip(why.rows[row, place].tolist(), why.contributions[row, place].tolist(), strict=True)
            assert [pair for pair in found if pair[0] != NOWHERE] == [(r, pytest.approx(c)) for r, c in first]
            if first:
                assert why.n_known[row] == len(one.of_movies)
                sums = why.contributions[row, place].sum() + why.of_others[row, place]
                assert sums == pytest.approx(one.advantage, abs=1e-4)
    if family in WEIGHTED:
        for row in range(40):
            alike = similar_movies(run, row).movies
            assert run.catalogue.movie_id[near[row]].tolist() == [one.movie_id for one in alike]
            assert nearness[row].tolist() == pytest.approx([one.similarity for one in alike], rel=1e-4)
    else:
        assert (near == NOWHERE).all() and (why.n_known == 0).all()


def test_a_page_of_some_movies_lists_these_alone(folders: dict[Family, Path]) -> None:
    movies = np.arange(0, 40, 2)
    pages = PageLists(load_run(folders[Family.EASE]), movies, np.arange(3), n_listed=4, n_reasons=2)
    lists = pages.recommended()
    assert np.isin(lists.rows, movies).all() and pages.in_page(lists.rows).max() < 20
    why = pages.reasons(lists)
    assert why.rows.max() < 20 and why.of_others.any()
    assert np.isin(movies[pages.near()[0]], movies).all()


@pytest.mark.parametrize("name", ["values", "columns"])
def test_damaged_weights_are_noticed_where_only_rows_are_read(
    folders: dict[Family, Path], tmp_path: Path, name: str
) -> None:
    run = load_run(folders[Family.ITEM_KNN])
    array = getattr(run.item_weights, name).copy()
    array[0] += 1
    changed = io.BytesIO(codec.to_bytes(replace(run.item_weights, **{name: array})))
    first, last = (int(row) for row in np.flatnonzero(np.diff(run.histories.weight_starts))[[0, -1]])
    run.histories.read(changed, [last])
    with pytest.raises(ValueError, match=f"the weights of the movie at row {first} are not those"):
        run.histories.read(changed, [first])
    folder = shutil.copytree(run.folder, tmp_path / run.folder.name)
    (folder / "item_weights.npz").write_bytes(changed.getvalue()[:-50])
    with pytest.raises(SavedModelError, match=r"item_weights\.npz is damaged"):
        load_run(folder).scorer.similar_to(last)


def test_commands_import_no_engine(folders: dict[Family, Path]) -> None:
    directory = folders[Family.EASE].parent
    lines = [
        [*command, "--model", folder.name, "--saved_models_dir", str(directory)]
        for family, folder in folders.items()
        for command in (
            ["recommend", "--user", "3"],
            ["recommend", "--liked", "id:104"],
            ["similar", "id:104"],
        )
        if command[0] == "recommend" or family in (Family.EASE, Family.ITEM_KNN, Family.IALS)
    ]
    code = (
        "import sys\n"
        "from movierec_cli.cli.app import app\n"
        f"for line in {lines!r}:\n"
        "    assert not app([*line, '--quiet', '--json'], standalone_mode=False), line\n"
        "print({'tensorflow', 'jax', 'keras', 'implicit', 'scipy', 'sklearn'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1:], done.stderr) == (0, ["set()"], "")
    assert done.stdout.count('"similarity"') == 30


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("family", [Family.IALS, Family.POPULARITY])
def test_exported_lists_are_the_ranker_s_and_popularity_for_who_has_no_history(
    folders: dict[Family, Path], family: Family, form: ExportFormat, tmp_path: Path
) -> None:
    run, scores = load_run(folders[family]), scores_of(family).copy()
    known = run.artifacts
    users = known.user_embeddings.copy()
    users[4] = 0
    cold = replace(run.parts(), artifacts=replace(known, user_embeddings=users))
    call = exported(save_run(tmp_path, run.record, cold), form, tmp_path)
    assert known.popularity is not None
    scores[4] = known.popularity
    found = call(range(1, 21), 40, include_seen=True)["movie_id"]
    assert (found == known.movie_ids[np.argsort(-scores, kind="stable")]).all()
    check_lists(load_run(tmp_path / run.folder.name), call)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("family", WEIGHTED)
def test_exported_sums_of_weights_make_the_lists_and_popularity_those_of_who_has_no_history(
    folders: dict[Family, Path], family: Family, form: ExportFormat, tmp_path: Path
) -> None:
    run = load_run(folders[family])
    known = run.histories
    starts = known.starts.copy()
    starts[5:] -= starts[5] - starts[4]  # the user at row 4 has no history
    movie = np.delete(known.movie, np.arange(known.starts[4], known.starts[5]))
    cold = replace(run.parts(), histories=replace(known, starts=starts, movie=movie))
    saved = save_run(tmp_path, run.record, cold)
    call = exported(saved, form, tmp_path)
    check_lists(load_run(saved.folder), call)
    best = np.argsort(-run.artifacts.popularity, kind="stable")[:3]
    assert call([5], 3, include_seen=True)["movie_id"].tolist() == [run.artifacts.movie_ids[best].tolist()]
