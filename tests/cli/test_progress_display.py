"""What the progress of a training says, to a log and to somebody who looks."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.progress_display import ProgressDisplay
from movierec_cli.registry.store import Run
from tests.cli.running import words
from tests.saved_runs import run_record

EPOCH = run_record().history[0]
OF_SEQUENCES = replace(EPOCH, ndcg=0.1234, elapsed_s=1234.0)


def shown(draw: Callable[[ProgressDisplay], object], *, looked_at: bool = False, quiet: bool = False) -> str:
    """What is written while a run is drawn, the second of three."""
    file = StringIO()
    err = Console(file=file, width=160, force_terminal=looked_at, color_system=None)
    with ProgressDisplay(Terminal(quiet=quiet, err=err)) as display:
        display.run_started("SASRec", 2, 3)
        draw(display)
    return words(file.getvalue())


def test_a_log_has_a_line_for_a_validation_of_a_long_training_and_for_a_resumed_one() -> None:
    line = "[2/3] SASRec: epoch 5, loss 6.5000, validation NDCG@10 0.1234, 1,234 s"
    assert shown(lambda display: [display.validated(OF_SEQUENCES) for _ in range(2)]) == line
    assert shown(lambda display: display.resumed(17)) == "[2/3] SASRec: resumed after epoch 17"


def test_of_several_towers_it_is_said_which_and_each_begins_anew() -> None:
    def second(display: ProgressDisplay) -> None:
        display.validated(replace(OF_SEQUENCES, elapsed_s=1e6))
        display.member_started(2, 4)
        display.validated(OF_SEQUENCES)

    assert "SASRec, tower 2 of 4: epoch 5, loss 6.5000, validation NDCG@10 0.1234, 1,234 s" in shown(second)
    drawn = shown(lambda one: [one.member_started(2, 4), one.epoch_ended(1, 9, 5.4)], looked_at=True)
    assert "tower 2 of 4" in drawn and "best" not in drawn


def test_short_and_quiet_trainings_have_none() -> None:
    assert shown(lambda display: display.validated(EPOCH)) == ""
    assert shown(lambda display: display.validated(OF_SEQUENCES), quiet=True) == ""


def test_the_bar_shows_loss_the_metric_by_name_its_best_and_the_time_left() -> None:
    def draw(display: ProgressDisplay) -> None:
        for ndcg in (0.1234, 0.1111):
            display.validated(replace(OF_SEQUENCES, ndcg=ndcg))
        for epoch in range(1, 7):
            display.epoch_ended(epoch, 100, 5.4321)

    drawn = shown(draw, looked_at=True)
    assert "6 · loss 5.432 · NDCG@10 0.1111, best 0.1234" in drawn and " left" in drawn
    assert "epoch 5, loss" not in drawn
    without_ndcg = shown(
        lambda one: [one.validated(replace(EPOCH, ndcg=None)), one.epoch_ended(6, 100, 5.4)], looked_at=True
    )
    k, value = max(EPOCH.validation.recall.items())
    assert f"6 · loss 5.400 · recall@{k} {value:.4f}, best {value:.4f}" in without_ndcg


def test_one_epoch_is_one(tmp_path: Path) -> None:
    record = replace(run_record(), epochs_run=1, best_epoch=1)
    assert "SASRec: 1 epoch, 4.0 s" in shown(lambda one: one.run_ended(Run(record, tmp_path), loaded=False))
