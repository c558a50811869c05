"""Who is told how trainings go. Nothing heavy is imported here, since every display of progress is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from movierec_cli.registry.record import EpochRecord, RunConfig
    from movierec_cli.registry.store import Run


class TrainingObserver:
    """Is told of the loading of data, of each run and of its epochs; whoever does not care overrides nothing.

    Positions and epochs count from 1. Runs are told of one after the other, where several are trained at once
    as well, unless an observer overrides `of_run`.
    """

    def of_run(self) -> TrainingObserver:
        """An observer of one run that is trained while others are: of all of it, from `run_started` on.

        By default it hears of the run when that is over, all at once.
        """
        return cast(TrainingObserver, _Later(self))

    def data_loading(self, message: str, done: int, total: int) -> None:
        """So much of a step of loading is done."""

    def run_started(self, label: str, position: int, total: int) -> None:
        """A run is about to be loaded or trained."""

    def training_started(self, name: str, config: RunConfig) -> None:
        """A run that is not saved yet is about to be trained, or fitted; `name` will be its folder's."""

    def resumed(self, epoch: int) -> None:
        """An interrupted training continues after this epoch."""

    def learning_rate_used(self, epoch: int, learning_rate: float) -> None:
        """The rate of an epoch's last step, told before `epoch_ended`."""

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        """An epoch is over."""

    def validated(self, record: EpochRecord) -> None:
        """The model was ranked on the validation set."""

    def member_started(self, member: int, n_members: int) -> None:
        """Of a model of several towers, this one is trained next, or on; its epochs count from 1 again."""

    def refit_started(self, num_epochs: int) -> None:
        """The chosen model is trained on, with the validation set added; its epochs count from 1 again."""

    def training_stopped(self, error: BaseException) -> None:
        """A training ended by an error or an interruption, which goes on."""

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        """A run is there."""

    def trial_ended(self, sentence: str) -> None:
        """A training of a search is over, of which no run stays; the sentence says how it went."""
        self.noted(sentence)

    def warned(self, message: str) -> None:
        """Something is not as it should be."""

    def noted(self, message: str) -> None:
        """Something is worth knowing."""


Event = tuple[str, tuple[Any, ...], dict[str, Any]]
"""A hook of an observer, and what it is told."""


def pass_on(observer: TrainingObserver, event: Event) -> None:
    """Tells an observer what another one was told."""
    hook, args, keywords = event
    getattr(observer, hook)(*args, **keywords)


class _Telling:
    def __init__(self, tell: Callable[[Event], object]):
        self._tell = tell

    def __getattr__(self, hook: str) -> Any:
        return lambda *args, **keywords: self._tell((hook, args, keywords))


def telling(tell: Callable[[Event], object]) -> TrainingObserver:
    """An observer that hands over what it is told, such as to another process, to be passed on there."""
    return cast(TrainingObserver, _Telling(tell))


class _Later:
    """Keeps what it is told of a run until that has ended; what concerns people is passed on at once."""

    def __init__(self, observer: TrainingObserver):
        self._observer = observer
        self._kept: list[Event] = []

    def __getattr__(self, name: str) -> Any:
        if name in ("warned", "noted"):
            return getattr(self._observer, name)

        def tell(*args: object, **keywords: object) -> None:
            self._kept.append((name, args, keywords))
            if name in ("run_ended", "trial_ended", "training_stopped"):
                for event in self._kept:
                    pass_on(self._observer, event)
                self._kept.clear()

        return tell


class _Told:
    def __init__(self, observers: tuple[TrainingObserver, ...]):
        self._observers = observers

    def of_run(self) -> TrainingObserver:
        return together(*(one.of_run() for one in self._observers))

    def __getattr__(self, name: str) -> Any:
        hooks = [getattr(one, name) for one in self._observers]

        def tell(*args: object, **keywords: object) -> None:
            for hook in hooks:
                hook(*args, **keywords)

        return tell


def together(*observers: TrainingObserver) -> TrainingObserver:
    """One observer that tells each of several, in their order."""
    return cast(TrainingObserver, _Told(observers))
