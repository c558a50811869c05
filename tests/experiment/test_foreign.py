"""Another library's lists and scores, made from a written split, beside what is trained here."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig, Family, SplitConfig, SplitKind, TargetKind
from movierec_cli.data.split import split_ratings
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.experiment.foreign import OtherModel, judge_others
from movierec_cli.experiment.main_job import EvaluationConfig, evaluate_saved
from movierec_cli.experiment.study import ComparedModel, Study
from movierec_cli.experiment.written_split import write_split
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.store import list_runs
from tests.cli import fake_trainer
from tests.experiment.test_evaluate_saved import DATASET, Listener, save

KS = (5, 10, 20)


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


def table(name: str, header: str, rows: object) -> Path:
    lines = [header, *(",".join(map(str, row)) for row in rows)]  # type: ignore[attr-defined]
    Path(name).write_text("\n".join(lines), encoding="utf-8")
    return Path(name)


def pairs(part: str) -> list[tuple[int, int]]:
    with (Path("split") / f"{part}.csv").open(encoding="utf-8") as file:
        return [(int(row["user"]), int(row["item"])) for row in csv.DictReader(file)]


def judged(
    *others: OtherModel, listener: Listener | None = None, baselines: tuple[Family, ...] = (Family.EASE,)
) -> tuple[dict[str, ComparedModel], Study]:
    config = EvaluationConfig(saved_models_dir=Path("saved"), others=others, baselines=baselines, ks=KS)
    study = evaluate_saved(config, listener).study
    return {one.label: one for one in study.models}, study


def test_ease_of_another_library_on_the_written_split_has_the_figures_of_ours() -> None:
    write_split(DataConfig(dataset="100k"), SplitConfig(), Path("split"), TrainingObserver())
    known, tested = pairs("train") + pairs("validation"), pairs("test")
    users, items = DATASET.users.user_id.tolist(), DATASET.movies.movie_id.tolist()
    rated = np.zeros((len(users), len(items)))
    for user, item in known:
        rated[users.index(user), items.index(item)] = 1
    judged(OtherModel("test", table("test.csv", "user,item", tested)))  # fits our EASE, which chooses its l2
    (ours,) = list_runs(Path("saved"))[0]
    inverse = np.linalg.inv(rated.T @ rated + ours.record.settings["l2"] * np.eye(len(items)))
    scores = rated @ (np.eye(len(items)) - inverse / np.diag(inverse))
    of_test = sorted({users.index(user) for user, _ in tested})
    unseen = np.where(rated, -np.inf, scores)
    lists = [
        (users[user], items[item], place)
        for user in of_test
        for place, item in enumerate(
            np.argsort(-unseen[user])[: int(np.isfinite(unseen[user]).sum())], start=1
        )
    ]
    every = [(users[u], items[i], repr(float(scores[u, i]))) for u in of_test for i in range(len(items))]
    np.random.default_rng(0).shuffle(lists)
    ranked = OtherModel("ranked", table("lists.csv", "user,item,rank", lists))
    short = OtherModel(
        "short", table("short.csv", "userId,movieId,rank", [one for one in lists if one[2] <= 10])
    )
    scored = OtherModel("scored", table("scores.csv", "user,item,score", every), is_scores=True)
    models, study = judged(ranked, short, scored)
    ease = models["EASE"]
    for label, told in (("ranked", 5), ("short", 4), ("scored", 6)):
        one = models[label]
        assert len(one.metrics) == told
        for metric, found in one.metrics.items():
            assert found.mean == pytest.approx(ease.metrics[metric].mean, abs=1e-6), (label, metric)
        assert one.beyond == pytest.approx(ease.beyond)
        assert one.top_k.unseen == pytest.approx(dict(list(ease.top_k.unseen.items())[: 2 + (told > 4)]))
    assert (models["scored"].top_k.all, models["ranked"].top_k.all) == (pytest.approx(ease.top_k.all), {})
    assert {"recall@20", "auc"} == set(ease.metrics) - set(models["short"].metrics)
    assert list(models)[:3] == ["ranked", "short", "scored"]  # before the baselines
    assert any({one.a, one.b} == {"ranked", "EASE"} for one in study.differences)
    assert "ranked, short and scored were not trained here" in " ".join(study.answer)
    assert [run.record.config.family for run in list_runs(Path("saved"))[0]] == [Family.EASE]


def test_lists_stand_beside_saved_models_and_what_is_no_use_is_counted() -> None:
    save(Path("saved"))
    split = split_ratings(DATASET.ratings, SplitConfig())
    user = int(DATASET.ratings.user_index[split.test[0]])
    mine = split.fit[DATASET.ratings.user_index[split.fit] == user]
    trained_on = int(DATASET.movies.movie_id[DATASET.ratings.movie_index[mine[0]]])
    found = int(DATASET.movies.movie_id[DATASET.ratings.movie_index[split.test[0]]])
    rows = [(user + 1, one) for one in (trained_on, found, found, 999_999)] + [("nobody", found)]
    file = table("mine.csv", "user,item", rows)
    listener = Listener()
    models, _ = judged(OtherModel.named(str(file)), listener=listener, baselines=())
    assert list(models) == ["None", "mine"] and models["mine"].family is Family.OTHER
    said = "\n".join(listener.warnings)
    for words in (
        "left out: 1 row of users that are unknown, 1 row of movies that are unknown, 1 row with",
        "18 test users of 19 without a row",
        "mine: 1 movie of the lists known from training",
        "mine: its lists of 4 do not tell ",
    ):
        assert words in said, said


def test_what_has_one_score_or_none_counts_as_expectation() -> None:
    save(Path("saved"))
    user = int(DATASET.ratings.user_index[split_ratings(DATASET.ratings, SplitConfig()).test[0]])
    rows = [(user + 1, item, 0.5) for item in DATASET.movies.movie_id.tolist()]
    one = OtherModel("alike", table("alike.csv", "user,item,score", rows), is_scores=True)
    alike = judged(one, baselines=())[0]["alike"]
    assert alike.metrics["auc"].mean == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("content", "scores", "words"),
    [
        ("user,item,rank\n1,100,first\n", False, "line 2: the rank is 'first'; it must be a number"),
        ("user,item,score\n1,100,nan\n", True, "line 2: the score is 'nan'"),
        ("who,what\n1,100\n", False, "needs the columns user and item, and rank or score"),
        ("user,item\n1,100\n", True, "needs the columns user, item and score; it has user, item"),
        (
            "user,item\n7,100\n",
            False,
            "no list is long enough for ndcg@10, which decides",
        ),
        (
            "user,item\n77,100\n",
            False,
            "has no row of a user of the test set; the users have the ids 1 to 20",
        ),
    ],
)
def test_a_file_that_cannot_be_judged_says_why(content: str, scores: bool, words: str) -> None:
    Path("bad.csv").write_text(content, encoding="utf-8")
    with pytest.raises(MovierecError, match=re.escape(words)):
        judged(OtherModel.named("bad.csv", is_scores=scores), baselines=())


def test_two_files_of_one_name_and_no_file_are_refused() -> None:
    with pytest.raises(MovierecError, match="two files are called 'a'; give them names"):
        judged(OtherModel.named("x/a.csv"), OtherModel.named("a=b.csv"))
    with pytest.raises(MovierecError, match=r"'=b\.csv' names no file"):
        OtherModel.named("=b.csv")


def test_a_written_split_is_that_of_the_training_and_replaces_no_other_files() -> None:
    config, folder = DataConfig(dataset="100k"), Path("split")
    split = SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=5)
    for _ in range(2):  # the second time it is replaced
        data = write_split(config, split, folder, TrainingObserver())
    ratings = data.dataset.ratings
    for part in ("train", "validation", "test"):
        rows = getattr(data.split, part)
        users, items = data.dataset.users.user_id, data.dataset.movies.movie_id
        expected = zip(users[ratings.user_index[rows]], items[ratings.movie_index[rows]], strict=True)
        assert pairs(part) == [(int(user), int(item)) for user, item in expected]
    text = (folder / "README.txt").read_text(encoding="utf-8")
    assert "movierec evaluate --dataset 100k --split leave-last --k_core 5 --lists NAME=FILE" in text
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(MovierecError, match=r"holds other files \(mine.txt\), which stay"):
        write_split(config, split, folder, TrainingObserver())
    with pytest.raises(MovierecError, match="--folds 5 makes 5 splits"):
        write_split(config, replace(SplitConfig(), folds=5), Path("other"), TrainingObserver())


def test_lists_are_refused_where_each_test_rating_needs_its_own() -> None:
    config = SplitConfig(kind=SplitKind.TEMPORAL, targets=TargetKind.SUCCESSIVE)
    data = split_data(DATASET, config)
    lists = OtherModel("lists", table("lists.csv", "user,item", [(1, 1)]))
    with pytest.raises(UsageError, match="lists has one list a user, and with --targets successive"):
        judge_others(data, [lists])
