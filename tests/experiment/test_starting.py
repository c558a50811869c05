"""A training that goes on from a saved model: what it keeps, what begins anew, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import (
    Family,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TrainerConfig,
    TrainingConfig,
    default_settings,
)
from movierec_cli.config.train_options import read_options
from movierec_cli.data.dataset import Dataset, take
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.experiment.request import TrainRequest
from movierec_cli.experiment.starting import require_unlearned
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.started import Known, Start
from movierec_cli.registry.store import Run
from tests.cli.running import run
from tests.saved_runs import judged_run, run_config, sequence_config
from tests.small_dataset import small_dataset, with_text_ids

GROWN = small_dataset()
N_NEW_USERS, N_NEW_MOVIES = 4, 6
SEQUENCES = SequenceConfig(embedding_size=8, hidden_size=8, num_layers=1, num_negatives=8, dropout=0.0)


def earlier() -> Dataset:
    """Without the first users and movies, so that all rows are others, and without what came last."""
    ratings = GROWN.ratings
    newest = np.append(np.diff(ratings.user_index) > 0, True)  # they are by user and time
    kept = ~newest & (ratings.user_index >= N_NEW_USERS) & (ratings.movie_index >= N_NEW_MOVIES)
    own = take(ratings, np.flatnonzero(kept))
    own = replace(own, user_index=own.user_index - N_NEW_USERS, movie_index=own.movie_index - N_NEW_MOVIES)
    users = take(GROWN.users, np.arange(N_NEW_USERS, len(GROWN.users)))
    movies = take(GROWN.movies, np.arange(N_NEW_MOVIES, len(GROWN.movies)))
    return replace(GROWN, ratings=own, users=users, movies=movies, fingerprint="e" * 64)


def test_known_rows_keep_what_was_learned_and_others_begin_anew() -> None:
    known = Known.of(np.array([30, 10, 20]), np.array([5, 10, 30]))
    learned, new = np.array([[3.0], [1.0], [2.0]]), np.array([[0.5], [0.6], [0.7]])
    assert known.grown(new, learned).tolist() == [[0.5], [1.0], [3.0]]
    with pytest.raises(ValueError, match="shape"):
        known.grown(new, learned[:2])
    texts = Known.of(np.array(["a", "b"], object), np.array(["b", "c"], object))
    assert (texts.of_parent.tolist(), texts.here.tolist()) == ([1], [0])
    assert len(Known.of(np.array([1, 2]), np.array(["1", "2"], object)).here) == 0


def given(folder: Path, parent: Run, **more: object) -> dict[str, Any]:
    return read_options({"start_from": parent.record.name, "saved_models_dir": folder, **more})


def test_its_settings_are_the_parent_s_and_what_its_weights_do_not_depend_on_may_change(
    tmp_path: Path,
) -> None:
    config = replace(
        sequence_config("time_gap", family=Family.GRU4REC, learning_rate=0.007, seed=9),
        split=SplitConfig(kind=SplitKind.TEMPORAL, test_fraction=0.3),
        model=replace(SEQUENCES, num_heads=1),
    )
    parent = judged_run(tmp_path, GROWN, config)
    asked = TrainRequest.of(given(tmp_path, parent, dropout=0.3, num_epochs=2)).config
    assert (asked.family, asked.feature_sets, asked.split) == (
        config.family,
        (config.feature_set,),
        config.split,
    )
    assert asked.model == replace(config.model, dropout=0.3)
    assert asked.training == replace(config.training, num_epochs=2, seed=TrainingConfig().seed)
    assert asked.start_from == parent.record.name
    other = TrainRequest.of(given(tmp_path, parent, split="leave-last")).config
    assert other.split.kind is SplitKind.LEAVE_LAST


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"family": "sasrec"}, r"--family is sasrec, and --start_from .* is two-tower"),
    ({"additional_feature_sets": ["movie_genres"]}, r"has movie_genres, and --start_from .* sees timestamp"),
    ({"embedding_size": 32}, r"--embedding_size is 32, and the weights of --start_from .* are of 64"),
    ({"layer_sizes": [8]}, r"--layer_sizes is 8, and the weights"),
    ({"preset": "tfrs-gru"}, "--preset does not go with --start_from"),
    ({"tasks": ["retrieval", "rating"]}, "--tasks does not go with --start_from"),
    ({"cluster": "local"}, "leave --cluster out"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED)
def test_another_kind_of_model_is_refused(more: dict[str, object], said: str, tmp_path: Path) -> None:
    parent = judged_run(tmp_path, GROWN, run_config("timestamp"))
    with pytest.raises(UsageError, match=said):
        TrainRequest.of(given(tmp_path, parent, **more))


def test_other_parents_and_other_data_are_refused(tmp_path: Path) -> None:
    hybrid = replace(run_config(), family=Family.HYBRID, model=default_settings(Family.HYBRID).model)
    with pytest.raises(
        MovierecError, match=r"hybrid cannot be trained on .*; two towers, GRU4Rec, SASRec or HSTU can"
    ):
        TrainRequest.of(given(tmp_path, judged_run(tmp_path, GROWN, hybrid)))
    parent = judged_run(tmp_path, GROWN, run_config())
    with pytest.raises(MovierecError, match="nobody"):
        TrainRequest.of(read_options({"start_from": "nobody", "saved_models_dir": tmp_path}))
    with pytest.raises(MovierecError, match="knows none of the movies of these data"):
        Start.of(parent, with_text_ids(GROWN))


def test_what_the_parent_learned_is_no_test(tmp_path: Path) -> None:
    config = replace(run_config(), split=SplitConfig(kind=SplitKind.LEAVE_LAST))
    parent = judged_run(tmp_path, earlier(), config)
    splits = {
        kind: RunTrainer(TrainerConfig(split=SplitConfig(kind=kind)), source=GROWN).data
        for kind in (SplitKind.LEAVE_LAST, SplitKind.RANDOM)
    }
    require_unlearned(splits[SplitKind.LEAVE_LAST], parent, TrainingObserver())
    with pytest.raises(MovierecError, match=r"has learned [\d]+ of the [\d]+ test ratings of this split"):
        require_unlearned(splits[SplitKind.RANDOM], parent, TrainingObserver())


def test_the_parent_is_named_where_a_model_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = replace(run_config("timestamp"), parent="small-timestamp-0123456789ab")
    one = judged_run(Path("saved_models"), GROWN, config)
    shown = run("models", "show", one.record.name)
    assert "trained on from" in shown.stdout and "small-timestamp-0123456789ab" in shown.stdout
    assert "small-timestamp-started-" in one.record.name
