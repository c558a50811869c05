"""Commands that train, and take seconds: at most one in each history, disturbed in every way."""

import time

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.soak.checked import ERRORS, SHARES
from tests.soak.forked import KILLED, Disturbance
from tests.soak.places import MODELS
from tests.soak.served import ServedModels
from tests.soak.world import (
    DEPLOYING,
    EXPORTING_DEPLOYED,
    IN_PROCESSES,
    ON_CLUSTER,
    REDEPLOYING,
    RESUMABLE,
    RETRAINING,
    TUNING,
    Command,
    models_in,
    trials_in,
)

_MOST_LONG = st.sampled_from((0, 0, 1))  # in the history of a folder
_OFTEN = (DEPLOYING, RESUMABLE, TUNING, IN_PROCESSES)
LONG = (*_OFTEN, *_OFTEN, *_OFTEN, RETRAINING, ON_CLUSTER)
_WITH_WORKERS = (IN_PROCESSES, ON_CLUSTER)
WAYS = ("undisturbed", "killed before a step", "killed at a moment", "bad disk", "worker killed")


def _is_due(machine: "LongCommands") -> bool:
    return machine.world.trains and machine.n_long_left > 0 and machine.has_all()


class LongCommands(ServedModels):
    """Trainings."""

    @initialize(n=_MOST_LONG)
    def begin(self, n: int) -> None:
        """Decides how many there are."""
        self.n_long_left = n

    @precondition(_is_due)
    @rule(
        command=st.sampled_from(LONG),
        way=st.sampled_from(WAYS),
        share=SHARES,
        error=st.sampled_from(sorted(ERRORS)),
    )
    def long_command(self, command: Command, way: str, share: float, error: str) -> None:
        """What was killed goes on, and ends with the bits of what was not."""
        self.n_long_left -= 1
        reference = self.world.reference(command)
        step = 1 + int(share * reference.finished.n_steps)
        with self.models_put_back():
            self.may_be = reference.models
            if way == "killed before a step":
                self.killed(command, Disturbance(kill_at_step=step), "killed before a step on files")
            elif way == "bad disk":
                self.disturbed(command, Disturbance(error_from_step=step, error=ERRORS[error]))
            elif way == "killed at a moment":
                moment = Disturbance(kill_after_s=0.05 + share * reference.seconds)
                self.killed(command, moment, "killed at a moment")
            elif way == "worker killed" and command in _WITH_WORKERS:
                self._worker_killed(command, share)
            else:
                self.right(command)
            self.models_are_whole_or_absent()
            assert not list((self.folder / MODELS).glob(".unfinished-*")), "a checkpoint stays"
            if command is TUNING:
                assert trials_in(self.folder) == reference.trials

    @precondition(_is_due)
    @rule(share=SHARES)
    def resumed(self, share: float) -> None:
        """A training that has learned some epochs goes on after them."""
        self.n_long_left -= 1
        self.may_be = self.world.reference(RESUMABLE).models
        with self.models_put_back():
            running = self.start(*RESUMABLE.words)
            until = time.monotonic() + 600
            while not (kept := list((self.folder / MODELS).glob(".unfinished-*/checkpoint.npz"))):
                if running.is_over or time.monotonic() > until:
                    break
                time.sleep(0.002)
            time.sleep(0.05 * share)
            running.kill()
            found = running.finished()
            self.check(found, killed=True)
            is_saved = len(models_in(self.folder)) > len(self.models)
            if kept and found.code == KILLED:
                self.count("killed at a moment")
                again = self.right(RESUMABLE)
                assert is_saved or "resumed after epoch" in again.output, again

    @precondition(_is_due)
    @rule(share=SHARES, is_killed=st.booleans())
    def deployed(self, share: float, is_killed: bool) -> None:
        """A model for use is trained, exported and served, and replaced while it is served."""
        self.n_long_left -= 1
        with self.models_put_back():
            self.may_be = self.world.reference(REDEPLOYING).models
            self.right(DEPLOYING)
            self.right(EXPORTING_DEPLOYED)
            (name,) = self.may_be.keys() - self.models.keys()
            with self.served("SIGTERM") as server:
                before = server.list_of(name)
                if is_killed:
                    step = 1 + int(share * self.world.reference(REDEPLOYING).finished.n_steps)
                    self.killed(REDEPLOYING, Disturbance(kill_at_step=step), "killed before a step on files")
                else:
                    self.right(REDEPLOYING)
                self.count("model changed below a server")
                server.wait_until(lambda: server.list_of(name) == before, "the list of a model trained again")
            self.right(EXPORTING_DEPLOYED)

    def _worker_killed(self, command: Command, share: float) -> None:
        """What the process was doing is done again by another, with the same result."""
        running = self.start(*command.words)
        time.sleep(share * self.world.reference(command).seconds / 2)
        while not (was_killed := running.kill_worker(int(share * 1000))) and not running.is_over:
            time.sleep(0.05)
        found = running.finished()
        self.check(found)
        assert found.code == 0, found
        if was_killed:
            self.count("killed at a moment")
        self.left_right(command)
