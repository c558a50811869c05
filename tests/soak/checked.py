"""A folder in which commands are disturbed, and what has to hold in it after each step."""

import errno
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from movierec_cli.registry.store import list_runs
from movierec_cli.text import printable
from tests.soak.forked import KILLED, UNDISTURBED, Disturbance, Finished, Running, killed, run
from tests.soak.places import MODELS, place_of
from tests.soak.world import (
    COMMANDS,
    DATA,
    Command,
    Digests,
    World,
    a_day_passes,
    models_in,
    outputs_of,
    unfinished_in,
)

FAULTS = (
    "killed at a moment",
    "killed before a step on files",
    "full or read-only disk",
    "damage",
    "damage with checksums that fit",
    "bad server",
    "hostile data",
    "bomb",
    "at once",
    "model removed or user forgotten",
    "hostile request",
    "model changed below a server",
    "server ended",
)
CODES = {0, 1, 2}
ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "quota": errno.EDQUOT, "broken": errno.EIO}
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.integers(0, 999).map(lambda one: one / 1000)
_WRITING = tuple(command for command in COMMANDS if command.writes)


@dataclass(frozen=True)
class Failure:
    """What did not hold, on the clock that only rises, after which commands."""

    at_s: float
    what: str
    done: tuple[str, ...]


class Checked(RuleBasedStateMachine):
    """One folder and its history. `world`, `counts` and `patch` are set from outside."""

    world: ClassVar[World]
    counts: ClassVar[Counter[str]] = Counter()
    patch: ClassVar[Callable[[], object]] = staticmethod(lambda: None)
    failures: ClassVar[list["Failure"]] = []  # in the order in which they were found

    def __init__(self) -> None:
        super().__init__()
        self.folder = self.world.renewed()
        self.models = dict(self.world.models)  # which have to be there, with the digests of their arrays
        self.may_be: dict[str, Digests] = {}  # what a command may leave while it is looked at
        self.damaged: set[str] = set()  # folders that were damaged on purpose
        self.n_long_left = 0  # commands that take seconds
        self.done: list[str] = []  # which commands, and what was done to them

    @invariant()
    def models_are_whole_or_absent(self) -> None:
        """Every model that has to be there is there, as it was trained; no other folder is there."""
        saved, problems = list_runs(self.folder / MODELS)
        wrong = [one.message for one in problems if one.folder.name not in self.damaged]
        assert not wrong, wrong
        names = {one.record.name for one in saved}
        expected = self.models.keys() - self.damaged
        assert expected <= names <= expected | self.may_be.keys(), names ^ expected
        found = models_in(self.folder)
        for name in names:
            whole = [one[name] for one in (self.models, self.may_be) if name in one]
            assert found[name] in whole, f"{name} is another model: {found[name]}, not one of {whole}"

    def teardown(self) -> None:
        """Keeps what has failed; otherwise a day passes."""
        try:
            if (error := sys.exc_info()[1]) is not None:
                if isinstance(error, AssertionError):
                    raise error
                return  # the end of what is drawn
            self._nothing_is_left()
        except AssertionError as error:
            self.failures.append(Failure(time.monotonic(), str(error), tuple(self.done)))
            raise

    def _nothing_is_left(self) -> None:
        """A day later nothing is left of what was killed, once a command has worked in the same folder."""
        a_day_passes(self.folder)
        folders = {name.rpartition("/")[0] for name in unfinished_in(self.folder)}
        for folder in folders:
            places = {one: [name.rpartition("/")[0] for name in one.writes] for one in _WRITING}
            writing = [
                one
                for one, above in places.items()
                if self.can(one)
                and any(f"{folder}/".startswith(f"{place}/") or folder == place for place in above)
            ]
            if writing:
                run(writing[0].words, self.folder, UNDISTURBED, self.patch)
        if any(name.startswith(MODELS) for name in folders):
            run(("models", "list"), self.folder, UNDISTURBED, self.patch)
        left = unfinished_in(self.folder)
        assert not left, f"left over: {left}"

    # --- how ------------------------------------------------------------------------------------------

    def has_all(self) -> bool:
        """Whether no model was removed."""
        return len(self.models) == len(self.world.models)

    def can(self, command: Command) -> bool:
        """Whether the models that it asks are there."""
        if not command.needs:
            return self.has_all() or command.words[0] == "data"
        return any(name.startswith(f"{DATA}-{command.needs}") for name in self.models)

    def step_of(self, command: Command, share: float) -> int:
        """One of the steps on files of a command, which has more where it replaces something."""
        return 1 + int(share * (1.5 * self.world.reference(command).finished.n_steps + 3))

    def count(self, fault: str) -> None:
        """Counts a fault that was made."""
        assert fault in FAULTS
        self.counts[fault] += 1

    def start(self, *words: str, patch: Callable[[], object] = lambda: None) -> Running:
        """A command that is not waited for; whoever starts it checks what becomes of it."""

        def both() -> None:
            self.patch()
            patch()

        self.done.append(" ".join(words))
        return Running(words, self.folder, UNDISTURBED, both)

    def run(self, *words: str) -> Finished:
        """An undisturbed command, checked."""
        found = self.start(*words).finished()
        self.check(found)
        return found

    def check(self, found: Finished, *, killed: bool = False) -> None:
        """What holds of every command."""
        assert found.code in CODES or (killed and found.code == KILLED), found
        assert "Traceback" not in found.output and "HANGS" not in found.output, found
        assert "this should not happen" not in found.output, found
        assert printable(found.output) == found.output, f"controls reach the terminal: {found}"
        assert not found.left, f"processes are left: {found}"
        assert not found.outside, f"written elsewhere: {found}"

    def right(self, command: Command) -> Finished:
        """Runs a command, which does what it does in a folder that nothing has happened to."""
        found = self.run(*command.words)
        assert found.code == 0, found
        self.left_right(command)
        return found

    def left_right(self, command: Command) -> None:
        """What a command has written is what it writes where nothing disturbs it."""
        expected, left = self.world.reference(command).outputs, outputs_of(command, self.folder)
        assert left == expected, {
            name for name in left.keys() | expected.keys() if left.get(name) != expected.get(name)
        }

    def killed(self, command: Command, disturbed: Disturbance, fault: str) -> None:
        """Kills a command; what it writes is old or new, and the next one right."""
        before = outputs_of(command, self.folder)
        self.done.append(f"{command}  # {disturbed}")
        found = killed(command.words, self.folder, disturbed, self.patch)
        if found.code != KILLED:
            return
        self.count(fault)
        self.check(found, killed=True)
        self.old_or_new(command, before)
        self.models_are_whole_or_absent()
        self.right(command)

    def disturbed(self, command: Command, disturbed: Disturbance) -> None:
        """Runs a command on a bad disk; what it writes is old or new, and the next one right."""
        before = outputs_of(command, self.folder)
        self.done.append(f"{command}  # {disturbed}")
        found = run(command.words, self.folder, disturbed, self.patch)
        if found.n_steps < disturbed.error_from_step:
            return
        self.count("full or read-only disk")
        self.check(found)
        self.old_or_new(command, before)
        self.models_are_whole_or_absent()
        self.right(command)

    def old_or_new(self, command: Command, before: Digests) -> None:
        """What a command writes is what was there before, or what it leaves when nothing disturbs it."""
        now, new = outputs_of(command, self.folder), self.world.reference(command).outputs
        for place in {place_of(name) for name in (*now, *before)}:
            states = [
                {name: one[name] for name in one if place_of(name) == place} for one in (now, before, new)
            ]
            assert states[0] in states[1:], f"{place} is neither old nor new: {states}"

    @contextmanager
    def models_put_back(self) -> Iterator[None]:
        """Afterwards the saved models are what they were, as if somebody had put them back from a copy."""
        kept = shutil.copytree(self.folder / MODELS, self.folder.with_name("models"))
        changed = self.folder.with_name("changed")
        try:
            yield
        finally:
            self.may_be = {}
            (self.folder / MODELS).rename(changed)  # nobody sees a part of what is taken away
            kept.rename(self.folder / MODELS)
            shutil.rmtree(changed)
