"""The trials of a search on disk: Optuna's journal, a line a trial, in a folder beside the saved models.

A trial is written when it and all before it are done, in one line. So a trial that was under way when the
process was killed has not happened, and is done again under its own number.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from movierec_cli.config.search_space import Space, Value
from movierec_cli.errors import MovierecError, problems_named
from movierec_cli.experiment.proposals import frozen
from movierec_cli.experiment.trials import Outcome, Trial, TrialState
from movierec_cli.records import dataclass
from movierec_cli.storage.serialization import canonical_json

FOLDER = ".tuning"
"""In the folder of the saved models."""
_SUFFIX = ".journal"
_HASH_LENGTH = 12
_IDENTITY, _OUTCOME, _FINALIST, _TESTED = "search", "outcome", "finalist", "tested"

Identity = Mapping[str, Any]
"""What decides a search's trials, as JSON has it: the data, the split, the first settings, the space."""


def search_name(front: str, identity: Identity) -> str:
    """The name of a search: equal ones are one search, and are gone on with."""
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:_HASH_LENGTH]
    return f"{front}-{digest}"


@dataclass
class TrialLedger:
    """One search that nobody else works on, see `opened`."""

    file: Path
    trials: list[Trial]
    _study: Any  # optuna.Study
    _space: Space

    def add(self, trial: Trial) -> None:
        """Writes the next trial.

        Raises:
            MovierecError: the journal cannot be written.
        """
        told = {name: value for name, value in vars(trial.outcome).items() if name not in ("score", "curve")}
        one = frozen(trial, self._space)
        one.set_user_attr(_OUTCOME, told | {"values": dict(trial.values), "state": str(trial.outcome.state)})
        with self._written():
            self._study.add_trial(one)
        self.trials.append(trial)

    def has_score(self, number: int, seed: int) -> bool:
        """Whether a finalist was trained with a seed, the so-many-th from 0."""
        return f"{_FINALIST} {number} {seed}" in self._study.user_attrs

    def score_of(self, number: int, seed: int) -> float | None:
        """What it reached on validation; None where it could not be trained."""
        found = self._study.user_attrs.get(f"{_FINALIST} {number} {seed}")
        return float(found) if isinstance(found, float | int) else None

    def keep_score(self, number: int, seed: int, score: float | None) -> None:
        """Writes that. Raises a `MovierecError` where the journal cannot be written."""
        with self._written():
            self._study.set_user_attr(f"{_FINALIST} {number} {seed}", score)

    @property
    def tested(self) -> list[str]:
        """The names of the winners' runs that were judged on the test part, the newest last."""
        found = self._study.user_attrs.get(_TESTED, [])
        return [str(one) for one in found] if isinstance(found, list) else []

    def keep_tested(self, run_name: str) -> None:
        """Writes that a winner was judged on test. Raises a `MovierecError` where that cannot be written."""
        if run_name not in self.tested:
            with self._written():
                self._study.set_user_attr(_TESTED, [*self.tested, run_name])

    def _written(self) -> Any:
        return problems_named(f"the trials cannot be written to {self.file}")


@contextmanager
def opened(directory: Path, name: str, identity: Identity, space: Space) -> Iterator[TrialLedger]:
    """The trials of a search, to be added to; begun where there are none.

    Args:
        directory: the saved models.
        name: see `search_name`.
        identity: kept with the trials.
        space: of the trials.

    Raises:
        MovierecError: it cannot be read or written, another process works on it, or the package is missing.
    """
    require_optuna()
    from filelock import FileLock, Timeout

    file = directory / FOLDER / f"{name}{_SUFFIX}"
    with problems_named(f"the trials cannot be kept in {file.parent}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise MovierecError(
                f"another process works on this search ({file}); wait for it, or end it"
            ) from None
    try:
        with problems_named(f"the trials cannot be kept in {file}"):
            _cut_unfinished_line(file)
            study = _study_of(file, name)
        if _IDENTITY not in study.user_attrs:
            study.set_user_attr(_IDENTITY, dict(identity))
        yield TrialLedger(file, _trials_of(study, space, file), study, space)
    finally:
        lock.release()


def require_optuna() -> None:
    """Refuses to search without Optuna.

    Raises:
        MovierecError: names the package.
    """
    try:
        import optuna
    except ImportError as error:
        raise MovierecError(
            "tune needs the package optuna: pip install 'movierec[tune]', or pip install optuna"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _cut_unfinished_line(file: Path) -> None:
    """Takes away the part of a line that a killed process has written. Raises an `OSError`."""
    if not file.exists():
        return
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with file.open("r+b") as journal:
            journal.truncate(len(whole))


def _study_of(file: Path, name: str) -> Any:
    """Raises a `MovierecError` for a file that is no journal."""
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class Held(JournalFileOpenLock):  # type: ignore[misc]
        """Nobody else has the file: see `opened`."""

        def acquire(self) -> bool:
            return True

        def release(self) -> None:
            pass

    try:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(file), Held(str(file))))
        return optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )
    except OSError:
        raise
    except Exception as error:  # whatever a damaged file makes of Optuna
        raise _damaged(file, f"{type(error).__name__}: {error}") from error


def _damaged(file: Path, why: str) -> MovierecError:
    return MovierecError(
        f"{file} is no list of trials as this program writes it ({why}); delete it, and the search begins"
        " anew"
    )


def _trials_of(study: Any, space: Space, file: Path) -> list[Trial]:
    """The trials in their order, each checked. Raises a `MovierecError` for what none of them can be."""
    try:
        return [_trial(number, one, space) for number, one in enumerate(study.trials)]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(file, str(error) or type(error).__name__) from error


def _trial(number: int, one: Any, space: Space) -> Trial:
    told = one.user_attrs[_OUTCOME]
    values: dict[str, Value] = dict(told["values"])
    for name, dimension in space.items():
        if values[name] not in dimension:
            raise ValueError(f"trial {number} has {name} {values[name]}")
    state = TrialState(told["state"])
    if (state is TrialState.FINISHED) is (one.value is None):
        raise ValueError(f"trial {number} is {state}, and its score is {one.value}")
    outcome = Outcome(
        state=state,
        score=one.value,
        epoch=int(told["epoch"]),
        curve=tuple((int(epoch), float(value)) for epoch, value in sorted(one.intermediate_values.items())),
        seconds=float(told["seconds"]),
        problem=str(told["problem"]),
    )
    return Trial(number=number, values=values, outcome=outcome)


def like(directory: Path, name: str, front: str) -> Sequence[tuple[Identity, int]]:
    """Other searches of the same data and family: what decided them, and their numbers of trials.

    Args:
        directory: the saved models.
        name: of the search that they are others than.
        front: what their names begin with.
    """
    found = []
    for file in sorted((directory / FOLDER).glob(f"{front}-{'?' * _HASH_LENGTH}{_SUFFIX}")):
        if file.stem != name and (one := _read(file)) is not None:
            found.append(one)
    return found


def _read(file: Path) -> tuple[Identity, int] | None:
    """Of a journal, without the package that writes it; None where it is damaged."""
    identity, n_trials = None, 0
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            identity = entry.get("user_attr", {}).get(_IDENTITY, identity)
            n_trials += "intermediate_values" in entry
    except (OSError, ValueError, AttributeError) as error:
        logging.getLogger(__name__).debug("%s: %s", file, error)
        return None
    return (identity, n_trials) if isinstance(identity, dict) else None
