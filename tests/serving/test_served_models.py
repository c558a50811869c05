"""Models are found by name, and read again when they are replaced on the disk."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config import Family
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.registry.store import list_runs, remove_run
from movierec_cli.serving.asked import NotThere
from movierec_cli.serving.served_models import DEFAULT, ServedModels
from tests.saved_runs import baseline_run, judged_run, run_config
from tests.small_dataset import small_dataset


def test_a_replaced_model_answers_anew_and_a_removed_one_no_more(tmp_path: Path) -> None:
    first = judged_run(tmp_path, small_dataset(), run_config(), seed=1)
    models = ServedModels(tmp_path)
    models.refresh()
    before = models.get(DEFAULT)
    models.refresh()
    assert models.get(first.record.name) is before and models.n_reloaded == 0
    judged_run(tmp_path, small_dataset(), run_config(), seed=2)
    models.refresh()
    after = models.get(DEFAULT)
    assert models.n_reloaded == 1 and after.run.record.name == before.run.record.name
    vectors = [one.run.artifacts.movie_embeddings for one in (before, after)]
    assert (vectors[0] != vectors[1]).any()
    ease = baseline_run(tmp_path, small_dataset(), Family.EASE).record.name
    with pytest.raises(NotThere, match="no model is named"):
        models.get(ease)
    models.refresh()
    assert models.get(ease).run.record.name == ease and len(models.runs) == 2
    remove_run(tmp_path, first.record.name)
    models.refresh()
    assert models.held == [ease]
    with pytest.raises(NotThere):
        models.get(first.record.name)
    remove_run(tmp_path, ease)
    with pytest.raises(MovierecError, match="train one first"):
        models.refresh()
    assert models.get(ease).run.record.name == ease  # what is in memory goes on


def test_a_model_that_is_replaced_by_a_damaged_one_goes_on_answering(tmp_path: Path) -> None:
    run = judged_run(tmp_path, small_dataset(), run_config(), seed=1)
    models = ServedModels(tmp_path)
    models.refresh()
    before = models.get(DEFAULT)
    judged_run(tmp_path, small_dataset(), run_config(), seed=2)
    (run.folder / "artifacts.npz").write_bytes(b"damaged")
    with pytest.raises(SavedModelError, match="damaged"):
        models.refresh()
    assert models.get(DEFAULT) is before and models.n_reloaded == 0


def test_the_model_not_asked_for_longest_leaves_memory(tmp_path: Path) -> None:
    names = [
        baseline_run(tmp_path, small_dataset(), family).record.name
        for family in (Family.EASE, Family.POPULARITY)
    ]
    models = ServedModels(tmp_path, chosen=names[0], most_held=1)
    models.refresh()
    assert [models.get(name).run.record.name for name in (DEFAULT, names[1])] == names
    assert models.held == [names[1]]
    assert models.runs[0].record.name == names[0]


def test_a_folder_that_is_put_back_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, kept = tmp_path / "models", tmp_path / "kept"
    names = {
        baseline_run(directory, small_dataset(), family).record.name
        for family in (Family.EASE, Family.POPULARITY)
    }
    models = ServedModels(directory)
    models.refresh()
    name = min(names)
    (directory / name).rename(kept)

    def read_slowly(folder: Path) -> Any:
        found = list_runs(folder)
        if kept.exists():
            kept.rename(directory / name)
        return found

    monkeypatch.setattr("movierec_cli.serving.served_models.list_runs", read_slowly)
    models.refresh()
    assert {run.record.name for run in models.runs} == names


def test_a_folder_that_changes_without_end_leaves_the_models_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = baseline_run(tmp_path, small_dataset(), Family.POPULARITY)
    models = ServedModels(tmp_path)
    models.refresh()
    copies = iter(range(100))

    def read_slowly(folder: Path) -> Any:
        shutil.copytree(run.folder, tmp_path / f"copy-{next(copies)}")
        return list_runs(folder)

    monkeypatch.setattr("movierec_cli.serving.served_models.list_runs", read_slowly)
    shutil.copytree(run.folder, tmp_path / "another")
    with pytest.raises(SavedModelError, match="again and again"):
        models.refresh()
    assert [one.record.name for one in models.runs] == [run.record.name]
