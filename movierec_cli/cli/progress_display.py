"""The progress of a training on stderr: bars on a terminal, a line for each model in a log."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from movierec_cli.cli.console import Terminal
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.registry.record import EpochRecord, RunRecord
    from movierec_cli.registry.store import Run

_LABEL_WIDTH = 34
_NDCG = "NDCG@10"
_LINE_AFTER_S = 10.0  # of training
_REDRAWS_A_SECOND = 5  # more would slow the training


class _TimeLeft(TimeRemainingColumn):
    """The time left, said so; nothing as long as it is unknown."""

    def render(self, task: Task) -> Text:
        return Text() if task.time_remaining is None else super().render(task) + Text(" left")


class ProgressDisplay(TrainingObserver):
    """Draws; also a callback for loading data, as `data_loading`."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[detail]}", markup=False),
            _TimeLeft(compact=True),
            console=terminal.err,
            refresh_per_second=_REDRAWS_A_SECOND,
            transient=True,
            disable=not terminal.shows_progress,
        )
        self._bar: TaskID | None = None
        self._message = ""
        self._run = ""
        self._member = ""
        self._best: float | None = None
        self._last: EpochRecord | None = None
        self._told_s = 0.0

    def __enter__(self) -> ProgressDisplay:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def of_run(self) -> ProgressDisplay:
        """Draws a bar of its own, below those of the runs that are trained at the same time."""
        own = copy.copy(self)
        own._bar = None
        return own

    def data_loading(self, message: str, done: int, total: int) -> None:
        """Draws the loading of data; a total of 0 means that it is unknown."""
        if message != self._message or self._bar is None:
            self._start(message, total or None)
        assert self._bar is not None
        self._bars.update(self._bar, completed=done, total=total or None)

    def run_started(self, label: str, position: int, total: int) -> None:
        """Draws a new bar for the run at `position`, from 1, of `total`."""
        self._run, self._member = f"[{position}/{total}] {label}", ""
        self._forget()
        self._start(_shortened(self._run), None)

    def resumed(self, epoch: int) -> None:
        """Says that an interrupted training was resumed after this epoch."""
        self._terminal.note(f"{self._run}: resumed after epoch {epoch}")

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bars.update(
                self._bar, completed=epoch, total=num_epochs, detail=self._detail(epoch, train_loss)
            )

    def validated(self, record: EpochRecord) -> None:
        """Keeps the best accuracy for the bar, and the last NDCG and error of predicted ratings.

        Where no bar is shown, a validation is a line if the training has gone on for long since the last one.
        """
        _, score = _headline(record)
        self._best = score if self._best is None else max(self._best, score)
        self._last = record
        if record.ndcg is None or record.elapsed_s < self._told_s + _LINE_AFTER_S:
            return
        self._told_s = record.elapsed_s
        if not self._terminal.shows_progress:
            self._terminal.note(
                f"{self._run}{self._member}: epoch {record.epoch}, loss {record.train_loss:.4f}, validation"
                f" {_NDCG} {record.ndcg:.4f}, {record.elapsed_s:,.0f} s"
            )

    def member_started(self, member: int, n_members: int) -> None:
        """Draws a new bar for one of several towers."""
        self._member = f", tower {member} of {n_members}"
        self._forget()
        self._start(f"{_shortened(self._run)}{self._member}", None)

    def refit_started(self, num_epochs: int) -> None:
        """Draws a new bar for the model that is kept, trained on train and validation."""
        self._start(f"{_shortened(self._run)}{self._member} refit", num_epochs)

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        """Ends the bar with a line that stays."""
        self._end()
        self._terminal.note(f"{self._run or run.record.config.label}: {_how(run.record, loaded)}")

    def trial_ended(self, sentence: str) -> None:
        """Ends the bar with a line that stays."""
        self._end()
        self._terminal.note(sentence)

    def warned(self, message: str) -> None:
        """Shows a warning above the bar."""
        self._terminal.warn(message)

    def noted(self, message: str) -> None:
        """Shows a line above the bar, unless quiet."""
        self._terminal.note(message)

    def _detail(self, epoch: int, train_loss: float) -> str:
        shown = f"{epoch} · loss {train_loss:.3f}"
        if self._last is not None:
            name, score = _headline(self._last)
            shown += f" · {name} {score:.4f}, best {self._best:.4f}"
            shown += "" if self._last.ratings is None else f" · RMSE {self._last.ratings.rmse:.3f}"
        return shown

    def _forget(self) -> None:
        """What was told of another training."""
        self._best, self._last, self._told_s = None, None, 0.0

    def _start(self, message: str, total: int | None) -> None:
        self._end()
        self._message = message
        self._bar = self._bars.add_task(message, total=total, detail="")

    def _end(self) -> None:
        if self._bar is not None:
            self._bars.remove_task(self._bar)
        self._bar = None


def _headline(record: EpochRecord) -> tuple[str, float]:
    """The metric that is shown, by name."""
    if record.ndcg is not None:
        return _NDCG, record.ndcg
    k = max(record.validation.recall)
    return f"recall@{k}", record.validation.recall[k]


def _how(record: RunRecord, loaded: bool) -> str:
    if loaded:
        return "loaded"
    settings = ", ".join(f"{name} {value:g}" for name, value in record.settings.items())
    epochs = counted(record.epochs_run, "epoch") if record.epochs_run else ""
    done = epochs or (settings and f"validation chose {settings}")
    return ", ".join(part for part in (done, f"{record.training_s:.1f} s of training") if part)


def _shortened(label: str) -> str:
    """Leaves room for the bar in 80 columns; the whole label is shown when the run has ended."""
    return label if len(label) <= _LABEL_WIDTH else f"{label[: _LABEL_WIDTH - 1]}…"
