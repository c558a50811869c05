"""How a run ranked the test set, written and read back; baselines, which have nothing else."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import Family, SplitConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from movierec_cli.registry import store
from movierec_cli.registry.record import RunConfig, RunRecord, run_name
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.storage import codec
from tests.saved_runs import run_artifacts, run_outcome, run_parts, run_record


def random_outcome(n_users: int = 5, n_movies: int = 70_000) -> Outcome:
    generator = np.random.default_rng(9)

    def whole(*shape: int) -> np.ndarray:
        return generator.integers(0, n_movies, shape).astype(np.int32)

    users = np.sort(generator.choice(10_000, n_users, replace=False)).astype(np.int32)
    owner = np.repeat(users, 3)
    ranks = [Ranks(whole(len(owner)), whole(len(owner)) + 1) for _ in range(3)]
    return Outcome(
        rows=np.sort(generator.choice(2**40, len(owner), replace=False)),
        user_index=owner,
        movie_index=whole(len(owner)),
        at_their_time=RanksByMode(all=ranks[0], unseen=ranks[1]),
        in_one_list=ranks[2],
        users=users,
        n_unseen=whole(n_users),
        top_movies=whole(n_users, 100) - 1,
        n_movies=n_movies,
    )


def assert_same(left: object, right: object) -> None:
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert isinstance(right, np.ndarray) and left.dtype == right.dtype
        np.testing.assert_array_equal(left, right, strict=True)
    elif isinstance(left, Outcome | Ranks | RanksByMode):
        for field in fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    else:
        assert left == right


def baseline_record(family: Family = Family.EASE) -> RunRecord:
    config = RunConfig(family=family, split=SplitConfig())
    record = run_record()
    name = run_name(config, record.data)
    none = {"best_epoch": 0, "epochs_run": 0, "history": ()}
    return replace(record, config=config, name=name, settings={"l2": 300.0}, **none)


@pytest.mark.parametrize("outcome", [random_outcome(), run_outcome(), random_outcome(n_users=0)])
def test_an_outcome_is_read_back_as_it_was_written(outcome: Outcome) -> None:
    assert_same(codec.from_bytes(Outcome, codec.to_bytes(outcome), "outcome.npz"), outcome)


def test_a_saved_run_has_its_outcome(tmp_path: Path) -> None:
    outcome = random_outcome()
    store.save_run(tmp_path, run_record(), replace(run_parts(run_artifacts()), outcome=outcome))
    (found,), problems = store.list_runs(tmp_path)
    assert_same(found.outcome, outcome)
    assert problems == []


def packed(**changes: np.ndarray | None) -> bytes:
    content = codec.unpack(codec.to_bytes(random_outcome())) | changes
    return codec.pack({name: array for name, array in content.items() if array is not None})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an npz file"),
        (codec.to_bytes(run_outcome())[:-30], "not an npz file"),
        (packed(users=None), "holds"),
        (packed(extra=np.zeros(3)), "extra"),
        (packed(rows=np.zeros(15, np.int32)), "outcome.npz: rows is int32, not int64"),
        (packed(rows=np.zeros(14, np.int64)), "user_index has shape (15,), not (14,)"),
        (packed(users=np.zeros(4, np.int32)), "n_unseen has shape (5,), not (4,)"),
        (packed(top_movies=np.zeros((5, 99), np.int32)), "top_movies has shape (5, 99), not (5, 100)"),
        (packed(n_movies=np.zeros(1, np.int64)), "n_movies has shape (1,), not ()"),
        (
            packed(**{"at_their_time/all/tied": np.ones((15, 1), np.int32)}),
            "at_their_time/all/tied has shape (15, 1), not (15,)",
        ),
    ],
)
def test_what_is_no_outcome_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        codec.from_bytes(Outcome, content, "outcome.npz")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def another_runs(file: Path) -> None:
    file.write_bytes(codec.to_bytes(random_outcome()))


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, another_runs])
def test_a_damaged_outcome_is_noticed_and_leaves_the_model_usable(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    saved = store.save_run(tmp_path, run_record(), run_parts(run_artifacts()))
    damage(saved.folder / "outcome.npz")
    found = store.find_named(tmp_path, saved.record.name)
    with pytest.raises(SavedModelError, match=re.escape(f"{saved.folder}: outcome.npz is damaged")):
        _ = found.outcome
    assert found.artifacts.movie_ids.tolist() == [10, 11, 12, 13]


def test_a_baseline_is_a_record_and_an_outcome(tmp_path: Path) -> None:
    saved = store.save_run(tmp_path, baseline_record(), RunParts(outcome=run_outcome()))
    assert saved.record.name.startswith("1m-ease-")
    assert sorted(file.name for file in saved.folder.iterdir()) == ["outcome.npz", "run.json"]
    found = store.find_run(tmp_path, saved.record.config, saved.record.data)
    assert found is not None and found.record == saved.record
    assert_same(found.outcome, run_outcome())


def test_the_arrays_of_a_baseline_are_refused_in_words(tmp_path: Path) -> None:
    saved = store.save_run(tmp_path, baseline_record(), RunParts(outcome=run_outcome()))
    with pytest.raises(SavedModelError, match=rf"{saved.record.name} holds a baseline, which has no .*npz"):
        _ = store.load_run(saved.folder).artifacts


def test_each_baseline_is_another_run(tmp_path: Path) -> None:
    families = (Family.EASE, Family.POPULARITY, Family.RECENT_POPULARITY, Family.IALS, Family.ITEM_KNN)
    for family in families:
        store.save_run(tmp_path, baseline_record(family), RunParts(outcome=run_outcome()))
    runs, problems = store.list_runs(tmp_path)
    assert {run.record.config.family for run in runs} == set(families)
    assert problems == []


@pytest.mark.parametrize(
    ("record", "parts"),
    [(baseline_record(), run_parts(run_artifacts())), (run_record(), RunParts(outcome=run_outcome()))],
)
def test_a_family_with_the_wrong_files_is_refused(tmp_path: Path, record: RunRecord, parts: RunParts) -> None:
    with pytest.raises(ValueError, match="has other files than"):
        store.save_run(tmp_path, record, parts)
    assert list(tmp_path.iterdir()) == []
