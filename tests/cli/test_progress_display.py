"""What the progress of a training says, to a log and to somebody who looks."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.progress_display import ProgressDisplay
from movierec_cli.registry.record import EpochRecord
from tests.saved_runs import run_record

EPOCH = run_record().history[0]
OF_SEQUENCES = replace(EPOCH, ndcg=0.1234, elapsed_s=1234.0)


def terminal(*, looked_at: bool = False, quiet: bool = False) -> tuple[Terminal, StringIO]:
    file = StringIO()
    err = Console(file=file, width=160, force_terminal=looked_at, color_system=None)
    return Terminal(quiet=quiet, err=err), file


def words(file: StringIO) -> str:
    return " ".join(file.getvalue().split())


def test_a_log_has_a_line_for_each_validation_of_a_model_of_sequences() -> None:
    shown, file = terminal()
    with ProgressDisplay(shown) as display:
        display.run_started("SASRec", 1, 2)
        display.validated(OF_SEQUENCES)
    assert words(file) == ("[1/2] SASRec: epoch 5, loss 6.5000, validation NDCG@10 0.1234, 1,234 s")


@pytest.mark.parametrize(("record", "quiet"), [(EPOCH, False), (OF_SEQUENCES, True)])
def test_towers_and_quiet_trainings_have_none(record: EpochRecord, quiet: bool) -> None:
    shown, file = terminal(quiet=quiet)
    with ProgressDisplay(shown) as display:
        display.run_started("None", 1, 2)
        display.validated(record)
    assert words(file) == ""


def test_a_resumed_training_says_so() -> None:
    shown, file = terminal()
    with ProgressDisplay(shown) as display:
        display.run_started("GRU4Rec", 2, 3)
        display.resumed(17)
    assert words(file) == "[2/3] GRU4Rec: resumed after epoch 17"


def test_the_bar_shows_loss_the_last_ndcg_and_the_best() -> None:
    shown, file = terminal(looked_at=True)
    with ProgressDisplay(shown) as display:
        display.run_started("SASRec", 1, 1)
        for ndcg in (0.1234, 0.1111):
            display.validated(replace(OF_SEQUENCES, ndcg=ndcg))
        display.epoch_ended(6, 100, 5.4321)
    assert "6 · loss 5.432 · NDCG@10 0.1111 · best 0.1234" in words(file)
    assert "epoch 5, loss" not in words(file)
