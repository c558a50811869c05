"""Commands and what can go wrong with them, in any order; after each step all has to be as it should be."""

import errno
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import ClassVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from movierec_cli.registry.store import list_runs
from movierec_cli.text import printable
from tests.bench.damage import DAMAGES, mended
from tests.soak.forked import KILLED, UNDISTURBED, Disturbance, Finished, Running, killed, run
from tests.soak.hostile import (
    BAD_SERVERS,
    BOMBS,
    KINDS,
    archive_bytes,
    bad_server,
    mend,
    write_bomb,
    write_data,
    write_ratings,
)
from tests.soak.places import MODELS, place_of
from tests.soak.world import (
    ARCHIVE,
    COMMANDS,
    DATA,
    RESTORING,
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
)
CODES = {0, 1, 2}
_SEEDS = st.integers(0, 2**32 - 1)
_LIGHT = tuple(command for command in COMMANDS if not command.is_slow)
_WRITING = tuple(command for command in COMMANDS if command.writes)
_ASKING = tuple(command for command in _LIGHT if command.needs)  # of one model; others fit what is missing
_COMMANDS, _LIGHT_ONES, _WRITING_ONES = map(st.sampled_from, (COMMANDS, _LIGHT, _WRITING))
_ASKING_ONES = st.sampled_from(_ASKING)
_SHARES = st.integers(0, 999).map(lambda one: one / 1000)
_ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "quota": errno.EDQUOT, "broken": errno.EIO}


def _rewrite(file: Path, content: bytes) -> None:
    """Makes a file anew, beside which another name of the old one is as it was."""
    file.unlink()
    file.write_bytes(content)


class Soak(RuleBasedStateMachine):
    """One folder and its history. `world`, `counts` and `patch` are set from outside."""

    world: ClassVar[World]
    counts: ClassVar[Counter[str]] = Counter()
    patch: ClassVar[Callable[[], object]] = staticmethod(lambda: None)

    def __init__(self) -> None:
        super().__init__()
        self.folder = self.world.renewed()
        self.models = dict(self.world.models)  # which have to be there, with the digests of their arrays
        self.damaged: set[str] = set()  # folders that were damaged on purpose

    # --- steps ----------------------------------------------------------------------------------------

    @rule(command=_COMMANDS)
    def undisturbed(self, command: Command) -> None:
        """A command does what it does in a folder that nothing has happened to."""
        if self._can(command):
            self._right(command)

    @rule(command=_WRITING_ONES, share=_SHARES)
    def killed_before_a_step(self, command: Command, share: float) -> None:
        """kill -9 right before a step on files."""
        if self._can(command):
            step = 1 + int(share * self.world.reference(command).finished.n_steps)
            self._killed(command, Disturbance(kill_at_step=step), "killed before a step on files")

    @rule(command=_WRITING_ONES, share=_SHARES)
    def killed_at_a_moment(self, command: Command, share: float) -> None:
        """kill -9 at any moment."""
        if self._can(command):
            seconds = 0.005 + share * (2.0 if command.is_slow else 0.15)
            self._killed(command, Disturbance(kill_after_s=seconds), "killed at a moment")

    @rule(command=_WRITING_ONES, share=_SHARES, error=st.sampled_from(sorted(_ERRORS)))
    def bad_disk(self, command: Command, share: float, error: str) -> None:
        """From some step on nothing can be written; then it can again."""
        if self._can(command):
            step = 1 + int(share * self.world.reference(command).finished.n_steps)
            self._disturbed(command, Disturbance(error_from_step=step, error=_ERRORS[error]))

    @rule(command=_WRITING_ONES, most=st.sampled_from((0, 100, 5_000, 40_000)))
    def full_disk(self, command: Command, most: int) -> None:
        """Files stop to grow in the middle."""
        if self._can(command):
            self._disturbed(command, Disturbance(most_file_bytes=most))

    @rule(
        name=_SEEDS,
        kind=st.sampled_from(sorted(DAMAGES)),
        seed=_SEEDS,
        fitting=st.booleans(),
        command=_LIGHT_ONES,
    )
    def damaged_file(self, name: int, kind: str, seed: int, fitting: bool, command: Command) -> None:
        """A file of a model is damaged: it is named, or harmless, and the other models are as they were."""
        if not (self.models and self._can(command)):
            return
        self._count("damage with checksums that fit" if fitting else "damage")
        folder = self.folder / MODELS / sorted(self.models)[name % len(self.models)]
        files = sorted(folder.iterdir())
        file = files[seed % len(files)]
        whole = {one.name: one.read_bytes() for one in files}
        content = self._damage(file.name, whole[file.name], kind, seed)
        _rewrite(file, whole[file.name])  # what runs have alike is one file: only this run's is damaged
        if fitting:
            mended(folder, file.name, content)
        else:
            file.write_bytes(content)
        self.damaged.add(folder.name)
        asked = self._run(("recommend", "--user", "3", "--model", folder.name))
        assert asked.code == 0 or "damaged" in asked.output or "format version" in asked.output, asked
        listed = self._run(("models", "list"))
        assert listed.code == 0, listed
        other = self._run(command.words)
        if not command.needs or not folder.name.startswith(f"{DATA}-{command.needs}"):
            assert other.code == 0 or folder.name in other.output, other
        for one, old in whole.items():
            _rewrite(folder / one, old)
        self.damaged.discard(folder.name)

    @rule(kind=st.sampled_from(sorted(BAD_SERVERS)), seed=_SEEDS)
    def bad_download(self, kind: str, seed: int) -> None:
        """A download from a bad server fails or is right, and is right once the server is good."""
        self._count("bad server")
        target = self.folder / "fetched" / "ml-32m.zip"
        body = archive_bytes(self.folder / ARCHIVE)
        with bad_server(body, kind, Random(seed)) as server:
            words = ("data", "fetch", "32m", "--datasets_dir", "fetched", "--url", server.url, "--quiet")
            running = Running(words, self.folder, UNDISTURBED, self.patch)
            if kind == "waits":
                Random(seed).choice((running.kill, lambda: None))()
            self._check(running.finished(), killed=kind == "waits")
            assert not target.exists() or target.read_bytes() == body, "a wrong archive was kept"
            mend(server, body)
            found = self._run(words)
        assert found.code in CODES and (found.code or target.read_bytes() == body), found
        shutil.rmtree(target.parent, ignore_errors=True)

    @rule(kind=st.sampled_from(sorted(KINDS)), seed=_SEEDS)
    def hostile_ratings(self, kind: str, seed: int) -> None:
        """Texts of somebody else's are data: none reaches the terminal as it is, none is run."""
        self._count("hostile data")
        random = Random(seed)
        file = self.folder / "theirs.csv"
        write_ratings(file, kind, random)
        self._run(("recommend", "--ratings_file", file.name, "--model", f"{DATA}-ease"))
        self._run(("recommend", "--liked", random.choice(KINDS[kind]), "--model", f"{DATA}-ease"))
        write_data(self.folder / "theirs", kind, random)
        self._run(("data", "describe", "theirs"))
        found = self._run(
            (
                "data",
                "lengths",
                "--archive",
                "theirs",
                "--csv",
                "safe.csv",
                "--csv_safe",
                "--movie_lengths",
                "theirs.csv",
            )
        )
        if found.code == 0:
            cells = (self.folder / "safe.csv").read_text().splitlines()
            assert not any(
                cell.lstrip('"').startswith(("=", "+", "@")) for line in cells for cell in line.split(",")
            )
        for name in ("theirs.csv", "safe.csv"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "theirs")

    @rule(kind=st.sampled_from(BOMBS), command=st.sampled_from(("describe", "ratings_file")))
    def bomb(self, kind: str, command: str) -> None:
        """What wants to be large ends in an answer or an error."""
        self._count("bomb")
        file = self.folder / "theirs.csv"
        write_bomb(file, kind)
        if command == "describe":
            self._run(("data", "describe", file.name))
        else:
            self._run(("recommend", "--ratings_file", file.name, "--model", f"{DATA}-ease"))
        file.unlink()

    @rule(one=_COMMANDS, other=_LIGHT_ONES)
    def at_once(self, one: Command, other: Command) -> None:
        """Two commands at the same time do what each does alone, if they write different things."""
        if not (self._can(one) and self._can(other)):
            return
        self._count("at once")
        both = [Running(command.words, self.folder, UNDISTURBED, self.patch) for command in (one, other)]
        for running in both:
            found = running.finished()
            self._check(found)
            assert found.code == 0, found
        for command in (one, other):
            if not set(one.writes) & set(other.writes) or command.words == one.words == other.words:
                self._left_right(command)

    @rule(number=_SEEDS, reading=_ASKING_ONES, with_reader=st.booleans())
    def removed(self, number: int, reading: Command, with_reader: bool) -> None:
        """A model is removed, while another command may read it, and is trained again: it is the same."""
        if not self.models:
            return
        self._count("model removed or user forgotten")
        name = sorted(self.models)[number % len(self.models)]
        reader = Running(reading.words, self.folder, UNDISTURBED, self.patch) if with_reader else None
        found = self._run(("models", "remove", name))
        assert found.code == 0, found
        if reader is not None:
            self._check(reader.finished())
        del self.models[name]
        assert name not in models_in(self.folder)

    @rule()
    def restored(self) -> None:
        """What was removed is trained again."""
        if len(self.models) < len(self.world.models):
            found = self._run(RESTORING.words)
            assert found.code == 0, found
            self.models = dict(self.world.models)

    @rule(user=st.integers(1, 60), command=_LIGHT_ONES)
    def forgotten(self, user: int, command: Command) -> None:
        """A user is forgotten by every model; afterwards the folder is as it was."""
        if not self.models:
            return
        self._count("model removed or user forgotten")
        kept = shutil.copytree(self.folder / MODELS, self.folder.with_name("models"))
        found = self._run(("models", "forget", "--user", str(user)))
        assert found.code == 0, found
        again = self._run(("recommend", "--user", str(user), "--model", sorted(self.models)[0]))
        assert again.code != 0 and "there is no user" in again.output, again
        if not command.writes:
            self._run(command.words)
        shutil.rmtree(self.folder / MODELS)
        kept.rename(self.folder / MODELS)

    # --- what has to hold -----------------------------------------------------------------------------

    @invariant()
    def models_are_whole_or_absent(self) -> None:
        """Every model that has to be there is there, as it was trained; no other folder is there."""
        found, problems = list_runs(self.folder / MODELS)
        wrong = [one.message for one in problems if one.folder.name not in self.damaged]
        assert not wrong, wrong
        assert {one.record.name for one in found} == self.models.keys() - self.damaged
        assert models_in(self.folder) == {
            name: self.models[name] for name in self.models.keys() - self.damaged
        }

    def teardown(self) -> None:
        """A day later nothing is left of what was killed."""
        a_day_passes(self.folder)
        for command in (
            *_WRITING[:2],
            *(one for one in _WRITING if one.words[0] in ("export", "explore", "data", "report")),
        ):
            if self._can(command):
                run(command.words, self.folder, UNDISTURBED, self.patch)
        left = unfinished_in(self.folder)
        assert not left, f"left over: {left}"

    # --- how ------------------------------------------------------------------------------------------

    def _can(self, command: Command) -> bool:
        """Whether the models that it asks are there; what changes models needs all."""
        everything = len(self.models) == len(self.world.models)
        asks_all = command.is_slow or command.words[:2] in (
            ("models", "list"),
            ("report", "--archive"),
            ("evaluate", "--archive"),
            ("doctor", "--archive"),
        )
        has_it = not command.needs or any(name.startswith(f"{DATA}-{command.needs}") for name in self.models)
        return everything if asks_all else has_it

    def _count(self, fault: str) -> None:
        self.counts[fault] += 1

    def _run(self, words: tuple[str, ...]) -> Finished:
        found = run(words, self.folder, UNDISTURBED, self.patch)
        self._check(found)
        return found

    def _check(self, found: Finished, *, killed: bool = False) -> None:
        assert found.code in CODES or (killed and found.code == KILLED), found
        assert "Traceback" not in found.output and "HANGS" not in found.output, found
        assert "this should not happen" not in found.output, found
        assert printable(found.output) == found.output, f"controls reach the terminal: {found}"
        assert not found.left, f"processes are left: {found}"
        assert not found.outside, f"written elsewhere: {found}"

    def _right(self, command: Command) -> None:
        found = self._run(command.words)
        assert found.code == 0, found
        self._left_right(command)

    def _left_right(self, command: Command) -> None:
        expected, left = self.world.reference(command).outputs, outputs_of(command, self.folder)
        assert left == expected, {
            name for name in left.keys() | expected.keys() if left.get(name) != expected.get(name)
        }

    def _killed(self, command: Command, disturbed: Disturbance, fault: str) -> None:
        before = outputs_of(command, self.folder)
        found = killed(command.words, self.folder, disturbed, self.patch)
        if found.code != KILLED:
            return
        self._count(fault)
        self._check(found, killed=True)
        self._old_or_new(command, before)
        self.models_are_whole_or_absent()
        self._right(command)

    def _disturbed(self, command: Command, disturbed: Disturbance) -> None:
        before = outputs_of(command, self.folder)
        found = run(command.words, self.folder, disturbed, self.patch)
        if found.n_steps < disturbed.error_from_step:
            return
        self._count("full or read-only disk")
        self._check(found)
        self._old_or_new(command, before)
        self.models_are_whole_or_absent()
        self._right(command)

    def _old_or_new(self, command: Command, before: Digests) -> None:
        """What a command writes is what was there before, or what it leaves when nothing disturbs it."""
        now, new = outputs_of(command, self.folder), self.world.reference(command).outputs
        for place in {place_of(name) for name in (*now, *before)}:
            states = [
                {name: one[name] for name in one if place_of(name) == place} for one in (now, before, new)
            ]
            assert states[0] in states[1:], f"{place} is neither old nor new: {states}"

    def _damage(self, name: str, content: bytes, kind: str, seed: int) -> bytes:
        for attempt in range(20):  # a damage may not be possible to this file
            with suppress(ValueError, TypeError, IndexError, KeyError):
                damaged = DAMAGES[kind](content, np.random.default_rng([seed, attempt, len(name)]))
                if damaged != content:
                    return damaged
        return content[: len(content) // 2]
