"""Commands and what can go wrong with them, in any order; after each step all has to be as it should be."""

import shutil
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from movierec_cli.registry.store import list_runs
from tests.bench.damage import DAMAGES, mended
from tests.file_server import serving
from tests.soak.checked import ERRORS, SEEDS, SHARES
from tests.soak.damaged import damaged_content, rewrite
from tests.soak.forked import KILLED, Disturbance, run
from tests.soak.hostile import (
    BAD_SERVERS,
    BOMBS,
    KINDS,
    archive_bytes,
    bad_server,
    impatient,
    mend,
    write_bomb,
    write_data,
    write_ratings,
)
from tests.soak.long_commands import LongCommands
from tests.soak.places import MODELS
from tests.soak.world import ARCHIVE, COMMANDS, DATA, RESTORING, Command, models_in

_ASKING_ONES = st.sampled_from([command for command in COMMANDS if command.needs])
_WRITING_ONES = st.sampled_from([command for command in COMMANDS if command.writes])
_FETCH = ("data", "fetch", "32m", "--datasets_dir", "fetched", "--quiet")
_FORGETTING = Command(("models", "forget", "--user", "1"), (f"{MODELS}/",))
_COMMANDS = st.sampled_from(COMMANDS)
_ASKERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "describe": lambda file: ("data", "describe", file),
    "ratings_file": lambda file: ("recommend", "--ratings_file", file, "--model", f"{DATA}-ease"),
}


def _some(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Several faults of one kind, so that each kind is made often enough."""
    return st.lists(st.tuples(*parts), min_size=2, max_size=4)


class Soak(LongCommands):
    """All steps; those of trainings and of servers are those of `LongCommands` and `ServedModels`."""

    @rule(command=_COMMANDS)
    def undisturbed(self, command: Command) -> None:
        """A command does what it does in a folder that nothing has happened to."""
        if self.can(command):
            self.right(command)

    @rule(kills=_some(_WRITING_ONES, SHARES))
    def killed_before_a_step(self, kills: list[tuple[Command, float]]) -> None:
        """kill -9 right before a step on files."""
        for command, share in kills:
            if self.can(command):
                step = Disturbance(kill_at_step=self.step_of(command, share))
                self.killed(command, step, "killed before a step on files")

    @rule(kills=_some(_WRITING_ONES, SHARES))
    def killed_at_a_moment(self, kills: list[tuple[Command, float]]) -> None:
        """kill -9 at any moment."""
        for command, share in kills:
            if self.can(command):
                seconds = 0.002 + share * self.world.reference(command).seconds
                self.killed(command, Disturbance(kill_after_s=seconds), "killed at a moment")

    @rule(faults=_some(_WRITING_ONES, SHARES, st.sampled_from(sorted(ERRORS))))
    def bad_disk(self, faults: list[tuple[Command, float, str]]) -> None:
        """From some step on nothing can be written; then it can again."""
        for command, share, error in faults:
            if self.can(command):
                step = self.step_of(command, share)
                self.disturbed(command, Disturbance(error_from_step=step, error=ERRORS[error]))

    @rule(command=_WRITING_ONES, most=st.sampled_from((0, 100, 5_000, 40_000)))
    def full_disk(self, command: Command, most: int) -> None:
        """Files stop to grow in the middle."""
        if self.can(command):
            self.disturbed(command, Disturbance(most_file_bytes=most))

    @rule(
        damages=_some(SEEDS, st.sampled_from(sorted(DAMAGES)), st.booleans()),
        command=_COMMANDS,
    )
    def damaged_files(self, damages: list[tuple[int, str, bool]], command: Command) -> None:
        """A file of a model is damaged: it is named, or harmless, and the other models are as they were."""
        for seed, kind, fitting in damages:
            if self.models and self.can(command):
                self._damaged_file(Random(seed), kind, fitting, command)

    def _damaged_file(self, random: Random, kind: str, fitting: bool, command: Command) -> None:
        self.count("damage with checksums that fit" if fitting else "damage")
        folder = self.folder / MODELS / random.choice(sorted(self.models))
        whole = {one.name: one.read_bytes() for one in sorted(folder.iterdir())}
        name = random.choice(list(whole))
        content = damaged_content(name, whole[name], kind, random.getrandbits(32))
        rewrite(folder / name, whole[name])  # what runs have alike is one file: only this run's is damaged
        if fitting:
            mended(folder, name, content)
        else:
            (folder / name).write_bytes(content)
        self.damaged.add(folder.name)
        before = self._answer(folder.name)
        asked = self.run("recommend", "--user", "3", "--model", folder.name)
        if asked.code:
            assert "damaged" in asked.output or "format version" in asked.output, asked
        else:
            assert fitting or asked.output == before, f"a damaged file is used: {asked}"
        listed = self.run("models", "list")
        assert listed.code == 0, listed
        other = self.run(*command.words)
        if not command.needs or not folder.name.startswith(f"{DATA}-{command.needs}"):
            assert other.code == 0 or folder.name in other.output, other
        for one, old in whole.items():
            rewrite(folder / one, old)
        self.damaged.discard(folder.name)

    def _answer(self, model: str) -> str:
        """What the model recommends where nothing has happened to it."""
        command = Command(("recommend", "--user", "3", "--model", model), (), "any")
        return self.world.reference(command).finished.output

    @rule(servers=_some(st.sampled_from(sorted(BAD_SERVERS)), SEEDS))
    def bad_downloads(self, servers: list[tuple[str, int]]) -> None:
        """A download from a bad server fails or is right, and is right once the server is good."""
        for kind, seed in servers:
            self.count("bad server")
            self._bad_download(kind, Random(seed))

    def _bad_download(self, kind: str, random: Random) -> None:
        target, body = self.folder / "fetched" / "ml-32m.zip", archive_bytes(self.folder / ARCHIVE)
        with bad_server(body, kind, random) as server:
            words = (*_FETCH, "--url", server.url)
            running = self.start(*words, patch=impatient)
            is_killed = random.random() < 0.3
            if is_killed:
                time.sleep(0.5 * random.random())
                running.kill()
            self.check(running.finished(), killed=is_killed)
            assert not target.exists() or target.read_bytes() == body, "a wrong archive was kept"
            mend(server, body)
            found = self.run(*words)
        assert found.code == 0 and target.read_bytes() == body, found
        shutil.rmtree(target.parent)

    @rule(n=st.integers(2, 3), share=SHARES)
    def downloads_at_once(self, n: int, share: float) -> None:
        """Several processes download a file once, and all have it."""
        self.count("at once")
        target, body = self.folder / "fetched" / "ml-32m.zip", archive_bytes(self.folder / ARCHIVE)
        with serving() as server:
            server.body, server.breaks_after, server.may_go_on = (
                body,
                int(share * len(body)),
                threading.Event(),
            )
            downloads = [self.start(*_FETCH, "--url", server.url) for _ in range(n)]
            while not server.requests and not any(one.is_over for one in downloads):
                time.sleep(0.01)
            time.sleep(0.2)
            server.may_go_on.set()
            for found in [one.finished() for one in downloads]:
                self.check(found)
                assert found.code == 0 and target.read_bytes() == body, found
            assert len(server.requests) == 1, f"downloaded {len(server.requests)} times"
        shutil.rmtree(target.parent)

    @rule(kinds=_some(st.sampled_from(sorted(KINDS)), SEEDS))
    def hostile_data(self, kinds: list[tuple[str, int]]) -> None:
        """Texts of somebody else's are data: none reaches the terminal as it is, none is run."""
        for kind, seed in kinds:
            self.count("hostile data")
            self._hostile_data(kind, Random(seed))

    def _hostile_data(self, kind: str, random: Random) -> None:
        theirs, ratings = self.folder / "theirs", self.folder / "theirs.csv"
        write_ratings(ratings, kind, random)
        self.run("recommend", "--ratings_file", ratings.name, "--model", f"{DATA}-ease")
        self.run("recommend", "--liked", random.choice(KINDS[kind]), "--model", f"{DATA}-ease")
        write_data(theirs, kind, random)
        self.run("data", "describe", theirs.name)
        lengths = ("data", "lengths", "--archive", theirs.name, "--movie_lengths", ratings.name)
        found = self.run(*lengths, "--csv", "safe.csv", "--csv_safe")
        if found.code == 0:
            lines = (self.folder / "safe.csv").read_text().splitlines()
            cells = [cell.lstrip('"') for line in lines for cell in line.split(",")]
            assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
        for name in (ratings.name, "safe.csv"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(theirs)

    @rule(bombs=_some(st.sampled_from(BOMBS), st.sampled_from(sorted(_ASKERS))))
    def bombs(self, bombs: list[tuple[str, str]]) -> None:
        """What wants to be large ends in an answer or an error."""
        file = self.folder / "theirs.csv"
        for kind, asker in bombs:
            self.count("bomb")
            write_bomb(file, kind)
            self.run(*_ASKERS[asker](file.name))
            file.unlink()

    @rule(pairs=_some(_COMMANDS, _COMMANDS))
    def at_once(self, pairs: list[tuple[Command, Command]]) -> None:
        """Two commands at the same time do what each does alone, if they write different things."""
        for pair in pairs:
            if not all(map(self.can, pair)):
                continue
            self.count("at once")
            both = [self.start(*command.words) for command in pair]
            for found in [running.finished() for running in both]:
                self.check(found)
                assert found.code == 0, found
            one, other = pair
            for command in pair:
                if not set(one.writes) & set(other.writes) or one == other:
                    self.left_right(command)

    @rule(number=SEEDS, reading=_ASKING_ONES, with_reader=st.booleans(), comes_back=st.booleans())
    def removed(self, number: int, reading: Command, with_reader: bool, comes_back: bool) -> None:
        """A model is removed, while another command may read it; it is put back, or stays away."""
        if not self.models:
            return
        self.count("model removed or user forgotten")
        name = sorted(self.models)[number % len(self.models)]
        kept = shutil.copytree(self.folder / MODELS / name, self.folder.with_name("model"))
        reader = self.start(*reading.words) if with_reader else None
        found = self.start("models", "remove", name).finished()
        read = reader.finished() if reader is not None else found
        self.check(found)
        self.check(read)
        assert found.code == 0, found
        assert name not in models_in(self.folder)
        if comes_back or not self.world.trains:
            kept.rename(self.folder / MODELS / name)
        else:
            shutil.rmtree(kept)
            del self.models[name]

    @rule()
    def restored(self) -> None:
        """What was removed is trained again: it is the same."""
        if not self.has_all():
            found = self.run(*RESTORING.words)
            assert found.code == 0, found
            self.models = dict(self.world.models)

    @rule(user=st.integers(1, 60), command=_COMMANDS, share=SHARES)
    def forgotten(self, user: int, command: Command, share: float) -> None:
        """A user is forgotten by every model, also where that was killed; then the folder is as it was."""
        if not self.models:
            return
        self.count("model removed or user forgotten")
        words = ("models", "forget", "--user", str(user))
        with self.models_put_back():
            step = self.step_of(_FORGETTING, share)
            found = run(words, self.folder, Disturbance(kill_at_step=step), self.patch)
            if found.code == KILLED:
                self.count("killed before a step on files")
                self.check(found, killed=True)
                saved, problems = list_runs(self.folder / MODELS)
                assert not problems and {one.record.name for one in saved} == self.models.keys(), found
                found = self.run(*words)
            assert found.code == 0 or "knows user" in found.output, found
            again = self.run("recommend", "--user", str(user), "--model", sorted(self.models)[0])
            assert again.code != 0 and "there is no user" in again.output, again
            if not command.writes:
                self.run(*command.words)
