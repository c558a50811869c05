from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

# What the commands import, for a fork need not do it again.
import movierec_cli.cli.app
import movierec_cli.export.export_run
import movierec_cli.export.npz_model
import movierec_cli.files.csv_tables
import movierec_cli.recommend.fold_in
import movierec_cli.recommend.response
import movierec_cli.reports.terminal.recommendation_lists  # noqa: F401
from tests.bench.kills import Writer, kill_all, table
from tests.saved_runs import run_artifacts, run_record, save_run

WRITERS = [
    Writer("csv", "recommend --user 2 --csv out.csv", "recommend --user 1 --csv out.csv"),
    Writer("npz", "export --format npz -o out --overwrite", "recommend --user 1 --csv out"),
    Writer("remove", f"models remove {run_record().name}", repeatable=False),
]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_a_killed_command_damages_and_loses_nothing(writer: Writer, tmp_path: Path) -> None:
    save_run(tmp_path / "base" / "saved_models", run_record(), run_artifacts())
    outcome = kill_all(writer, tmp_path / "base", 5, Random(0))
    assert outcome.problems == []
    assert outcome.counts["killed"] == 5 and outcome.n_steps >= 3
    assert {"old", "new"} <= outcome.counts.keys()
    assert "| 0 | 0 | 0 | 0 |" in table([outcome])


def test_a_command_that_deletes_before_it_writes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def careless(target: Path) -> Iterator[Path]:
        target.unlink(missing_ok=True)
        yield target

    save_run(tmp_path / "base" / "saved_models", run_record(), run_artifacts())
    monkeypatch.setattr("movierec_cli.files.csv_tables.written_whole", careless)
    outcome = kill_all(WRITERS[0], tmp_path / "base", 4, Random(0))
    assert outcome.counts["lost"] >= 1
    assert "before step 2: out.csv is lost" in outcome.problems  # a random moment may hit the writing, too
