"""How a run ranked the test set, written and read back; baselines, which have nothing else."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.config import Family, SplitConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.registry import store
from movierec_cli.registry.record import RunConfig, RunRecord, run_name
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.storage import codec
from tests.saved_runs import run_artifacts, run_outcome, run_parts, run_record


def baseline_record(family: Family = Family.EASE) -> RunRecord:
    config = RunConfig(family=family, split=SplitConfig())
    record = run_record()
    name = run_name(config, record.data)
    none = {"best_epoch": 0, "epochs_run": 0, "history": ()}
    return replace(record, config=config, name=name, settings={"l2": 300.0}, **none)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def another_runs(file: Path) -> None:
    file.write_bytes(codec.to_bytes(run_outcome(n_users=4)))


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
    assert codec.to_bytes(found.outcome) == codec.to_bytes(run_outcome())


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
