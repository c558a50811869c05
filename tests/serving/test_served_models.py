"""Models are found by name, and read again when they are replaced on the disk."""

from pathlib import Path

import pytest

from movierec_cli.config import Family
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.registry.store import remove_run
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
