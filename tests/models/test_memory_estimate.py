"""The estimate against a fit that is measured, and what it refuses.

Its parameters are compared with those of models where these are built: in `two_tower.test_tower_arrays` and
`sequential.test_sequence_training`.
"""

import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.config import Family, FeatureSet, LossKind, SplitConfig, TaskWeights
from movierec_cli.data.split import split_ratings
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trainer import train_or_load
from movierec_cli.models import memory_estimate
from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.models.baselines.ease import EASE
from movierec_cli.models.memory_estimate import (
    FLOAT_BYTES,
    TOWER_COPIES,
    TrainingData,
    available_bytes,
    beyond_memory,
    n_parameters,
    needed_bytes,
    require_memory_at_once,
)
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import RunConfig
from movierec_cli.runners.local import LocalProcesses
from tests.models.baseline_data import two_tastes
from tests.small_dataset import small_dataset

DATASET = small_dataset()
SPLIT = split_ratings(DATASET.ratings, SplitConfig())
GIB = 2**30


def config(family: Family, **training: object) -> RunConfig:
    return RunConfig(
        family=family,
        split=SplitConfig(),
        model=family.spec.model,
        training=replace(family.spec.training, **training) if family.is_trained else None,
        tasks=TaskWeights() if family is Family.MULTI_TASK else None,
    )


def test_the_memory_of_ease_is_what_its_fit_takes() -> None:
    dataset = two_tastes(n_movies=1400, n_users=60, each=300)
    split = split_ratings(dataset.ratings, SplitConfig())
    part = TrainingRatings.of(dataset, split.fit)
    EASE.prepare(part)({"l2": 100.0})  # imports what it needs
    tracemalloc.start()
    EASE.prepare(part)({"l2": 100.0})
    measured = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = needed_bytes(config(Family.EASE), TrainingData.of(dataset, split, FeatureSet()))
    assert expected == pytest.approx(measured, rel=0.25)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--embedding_size 9999999", "--embedding_size 9999999"),
        ("--layer_sizes 99999999 64", "--layer_sizes 99999999 64"),
        ("--batch_size 999999 --loss in-batch", "--batch_size 999999"),
        ("--embedding_size 9999999 --tasks retrieval rating", "--embedding_size 9999999"),
        ("--family sasrec --max_length 999999", "--max_length 999999"),
        ("--family sasrec --num_layers 999999999", "--num_layers 999999999"),
        ("--family sasrec --batch_size 9999999999", "--batch_size 9999999999"),
        ("--family gru4rec --hidden_size 999999", "--hidden_size 999999"),
        ("--family gru4rec --embedding_size 9999999", "--embedding_size 9999999"),
    ],
)
def test_absurd_sizes_are_refused_with_the_option_named_and_nothing_is_written(
    options: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: 8 * GIB)
    line = f"train --quiet --dataset sample {options}"
    result = CliRunner().invoke(app, line.split(), prog_name="movierec")
    assert result.exit_code == 1
    told = " ".join(result.output.split())
    assert "GiB of memory, and 8.0 GiB are available" in told and told.endswith(f"lower {named}")
    assert not list(tmp_path.iterdir())


def test_every_configuration_is_checked_and_what_fits_is_let_through(monkeypatch) -> None:
    usual = [config(family) for family in Family]
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: GIB)
    assert beyond_memory(DATASET, SPLIT, usual) == {}
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: 1000)
    problems = beyond_memory(DATASET, SPLIT, usual)
    assert re.search(r"lower --embedding_size 128 or --layer_sizes 64$", problems[usual[0]])
    assert re.fullmatch(r"fitting EASE takes .* GiB are available", problems[config(Family.EASE)])
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: None)
    assert beyond_memory(DATASET, SPLIT, usual) == {}


def test_a_model_that_is_too_large_is_refused_and_such_a_baseline_left_out(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: 1000)
    data, warnings = split_data(DATASET, SplitConfig()), list[str]()
    observer = TrainingObserver()
    observer.warned = warnings.append
    assert train_or_load(data, [config(Family.EASE)], tmp_path, observer) == []
    assert warnings and "EASE is left out: fitting EASE takes" in warnings[0]
    with pytest.raises(MovierecError, match="fitting two towers takes"):
        train_or_load(data, [config(Family.EASE), config(Family.TWO_TOWER)], tmp_path, observer)
    assert not any(tmp_path.iterdir())


def test_more_at_once_than_there_is_memory_for_is_refused(monkeypatch, tmp_path) -> None:
    data = split_data(DATASET, SplitConfig())
    both = [config(Family.EASE), config(Family.TWO_TOWER)]
    sizes = [needed_bytes(one, TrainingData.of(DATASET, SPLIT, FeatureSet())) for one in both]
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: sum(sizes) - 1)
    assert beyond_memory(DATASET, SPLIT, both) == {}
    require_memory_at_once(DATASET, SPLIT, both, 1)
    with pytest.raises(MovierecError, match=r"--jobs 3: 2 trainings at once take .*; lower --jobs"):
        train_or_load(data, both, tmp_path, TrainingObserver(), runner=LocalProcesses(3))
    monkeypatch.setattr(memory_estimate, "available_bytes", lambda: sum(sizes))
    require_memory_at_once(DATASET, SPLIT, both, 3)


def test_a_larger_batch_needs_more_until_it_holds_all_interactions() -> None:
    data = TrainingData.of(DATASET, SPLIT, FeatureSet())
    needed = [
        needed_bytes(config(Family.TWO_TOWER, loss=LossKind.IN_BATCH, batch_size=size), data)
        for size in (10, len(SPLIT.train), 10**9)
    ]
    assert needed[0] < needed[1] == needed[2]


def test_a_step_of_a_large_catalogue_holds_only_the_movies_that_it_needs() -> None:
    smaller, larger = (TrainingData(200_000, n_movies, 16_000_000, {}) for n_movies in (100_000, 200_000))
    usual = config(Family.TWO_TOWER)
    needed = needed_bytes(usual, larger) - needed_bytes(usual, smaller)
    of_tables = n_parameters(usual, larger) - n_parameters(usual, smaller)
    assert needed == FLOAT_BYTES * TOWER_COPIES * of_tables


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def test_available_is_the_least_of_what_machine_and_container_leave(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None
    write(tmp_path, {"proc/meminfo": "MemTotal:  900 kB\nMemAvailable:   700 kB\nHugePages_Total: 0\n"})
    assert available_bytes(tmp_path) == 700 * 1024
    group = tmp_path / "sys/fs/cgroup"
    write(group, {"memory.max": "max\n", "memory.current": "5000\n"})
    assert available_bytes(tmp_path) == 700 * 1024
    write(group, {"memory.max": "65000\n"})
    assert available_bytes(tmp_path) == 60_000
    old = {"memory/memory.limit_in_bytes": "9000\n", "memory/memory.usage_in_bytes": "8000\n"}
    write(group, old)
    assert available_bytes(tmp_path) == 1000
