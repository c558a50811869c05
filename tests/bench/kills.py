"""kill -9 over all writing commands, at random moments and right before steps on files; prints one table.

    python tests/bench/kills.py [NAME ...] [--kills N] [--data DIR] [--seed N]

Every command runs in a fork of this process, which has imported what is heavy, on a copy of a folder with
models of the sample. After a kill each file or folder that the command writes has to be what it was or what
it becomes, the same command has to succeed next, and once what was left is a day old, a command more has to
leave what it leaves when nobody kills it. Minutes; `test_kills.py` is a small part of it.
"""

import argparse
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from movierec_cli.files.atomic import ABANDONED_AFTER_S  # noqa: E402
from movierec_cli.registry.store import list_runs  # noqa: E402
from tests.soak import forked  # noqa: E402
from tests.soak.places import is_hidden, place_of  # noqa: E402

Snapshot = dict[str, str]  # digests by path


@dataclass(frozen=True)
class Writer:
    """A command that writes, with what made the content that it replaces."""

    name: str
    command: str
    before: str = ""
    kills: int = 15
    repeatable: bool = True  # whether it succeeds where it has succeeded already


@dataclass
class Outcome:
    """What became of the kills of one writer."""

    name: str
    n_steps: int
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def run(command: str, folder: Path, *, step: int = 0, after_s: float = 0) -> tuple[int, int]:
    """Runs a command in a folder, killed before a step on files or after some seconds.

    Returns:
        The exit code, `forked.KILLED` of a killed one, and the number of steps.
    """
    found = forked.run(command.split(), folder, forked.Disturbance(kill_at_step=step, kill_after_s=after_s))
    with folder.with_suffix(".txt").open("a", encoding="utf-8", errors="surrogateescape") as printed:
        printed.write(found.output)
    return found.code, found.n_steps


def snapshot(folder: Path) -> Snapshot:
    """Every file but those of the user's own places, which are no result."""
    files = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    names = {str(path.relative_to(folder)): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not name.startswith(f"{forked.OWN}/")
    }


class Campaign:
    """The kills of one writer, in copies of a folder."""

    def __init__(self, writer: Writer, base: Path, work: Path) -> None:
        self.writer = writer
        self._folder = work / "folder"  # always the same one: names of caches depend on it
        self.start = work / "start"
        folder = shutil.copytree(base, self._folder)
        if writer.before:
            self._succeed(writer.before, folder)
        folder.rename(self.start)
        self.old = snapshot(self.start)
        began = time.monotonic()
        self.new, self.n_steps = self._reference()
        self.takes_s = time.monotonic() - began
        again, _ = self._reference()
        self.varies = {name for name in again if again[name] != self.new.get(name)}
        self.places = {
            place_of(name)
            for name in self.old.keys() | self.new.keys()
            if not is_hidden(name) and self.old.get(name) != self.new.get(name)
        }

    def _reference(self) -> tuple[Snapshot, int]:
        folder = shutil.copytree(self.start, self._folder)
        n_steps = self._succeed(self.writer.command, folder)
        left = snapshot(folder)
        shutil.rmtree(folder)
        return left, n_steps

    def _succeed(self, command: str, folder: Path) -> int:
        code, n_steps = run(command, folder)
        if code != 0:
            raise RuntimeError(f"{command}: exit {code}\n{folder.with_suffix('.txt').read_text()}")
        return n_steps

    def kill(self, outcome: Outcome, *, step: int = 0, after_s: float = 0) -> None:
        """One kill and the commands after it; counts what is wrong."""
        moment = f"before step {step}" if step else f"after {after_s:.3f} s"
        folder = self._killed(step, after_s)
        outcome.counts["killed"] += 1
        states = self._states(folder)
        outcome.counts.update(set(states.values()))
        wrong = [
            f"{moment}: {place} is {state}" for place, state in states.items() if state not in ("old", "new")
        ]
        if self.writer.repeatable or "old" in states.values():
            code, _ = run(self.writer.command, folder)
            if code != 0 or set(self._states(folder).values()) != {"new"}:
                outcome.counts["next wrong"] += 1
                wrong.append(f"{moment}: next, exit {code}: {self._states(folder)}")
        _set_back(folder)
        run(self.writer.command, folder)
        if left := snapshot(folder).keys() - self.new.keys():
            outcome.counts["leftovers"] += 1
            wrong.append(f"{moment}: left over: {sorted(left)}")
        outcome.problems += wrong
        shutil.rmtree(folder)

    def _killed(self, step: int, after_s: float) -> Path:
        """A folder in which the command was killed; where it was through before, it is killed earlier."""
        code = 0
        while code != forked.KILLED:
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.copytree(self.start, self._folder)
            code, _ = run(self.writer.command, self._folder, step=step, after_s=after_s)
            step, after_s = max(1, step - 1) if step else 0, 0.8 * after_s
        return self._folder

    def _states(self, folder: Path) -> dict[str, str]:
        """Of each place that is written: old, new, lost or damaged; of another one only if it is wrong."""
        now = snapshot(folder)
        damaged = {f"saved_models/{one.folder.name}" for one in list_runs(folder / "saved_models")[1]}
        names = {name for name in (*self.old, *self.new, *now) if not is_hidden(name)}
        states = {}
        for place in sorted(set(map(place_of, names))):
            is_old, is_new = (self._is_same(place, now, one, folder) for one in (self.old, self.new))
            is_lost = not is_old and not any(place_of(name) == place and not is_hidden(name) for name in now)
            state = "new" if is_new else "old" if is_old else "lost" if is_lost else "damaged"
            if place in damaged:
                state = "damaged"
            if place in self.places or state not in ("old", "new"):
                states[place] = state
        return states

    def _is_same(self, place: str, now: Snapshot, wanted: Snapshot, folder: Path) -> bool:
        present, expected = (
            {name: one[name] for name in one if place_of(name) == place and not is_hidden(name)}
            for one in (now, wanted)
        )
        return present.keys() == expected.keys() and all(
            present[name] == expected[name] or (name in self.varies and _is_whole(folder / name))
            for name in expected
        )


def _is_whole(file: Path) -> bool:
    """Of a file that differs from run to run; a record is checked with its run."""
    content = file.read_bytes()
    return content.endswith(b"</html>\n") if file.suffix == ".html" else bool(content)


def _set_back(folder: Path) -> None:
    """Makes what is hidden older than what killed processes may leave."""
    for path in (*folder.rglob("*"), folder):
        if is_hidden(str(path.relative_to(folder))):
            then = time.time() - ABANDONED_AFTER_S - 3600
            os.utime(path, (then, then), follow_symlinks=False)


def kill_all(writer: Writer, base: Path, n_kills: int, rng: random.Random) -> Outcome:
    """Half the kills before steps, spread over all of them, half at random moments."""
    with tempfile.TemporaryDirectory() as work:
        campaign = Campaign(writer, base, Path(os.path.realpath(work)))
        outcome = Outcome(writer.name, campaign.n_steps)
        n_at_steps = min((n_kills + 1) // 2, campaign.n_steps)
        for number in range(n_kills):
            if number < n_at_steps:
                spread = number * (campaign.n_steps - 1) // max(n_at_steps - 1, 1)
                campaign.kill(outcome, step=1 + spread)
            else:
                campaign.kill(outcome, after_s=rng.uniform(0.02, 0.9) * campaign.takes_s)
    return outcome


COLUMNS = ("killed", "old", "new", "damaged", "lost", "next wrong", "leftovers")


def table(outcomes: Iterable[Outcome]) -> str:
    """One line a command, and their sum."""
    rows = [f"| command | steps | {' | '.join(COLUMNS)} |", f"|---|{'---|' * (len(COLUMNS) + 1)}"]
    total: Counter[str] = Counter()
    for one in outcomes:
        total += one.counts
        rows.append(f"| {one.name} | {one.n_steps} | {_cells(one.counts)} |")
    return "\n".join([*rows, f"| all | | {_cells(total)} |"])


def _cells(counts: Counter[str]) -> str:
    return " | ".join(str(counts[column]) for column in COLUMNS)


TRAIN = "train --dataset sample --quiet"
SETS = "--additional_feature_sets None --additional_feature_sets timestamp"
BASE = f"{TRAIN} --num_epochs 1 --tasks retrieval rating {SETS}"


def writers(data: Path, base: Path) -> list[Writer]:
    """Every command that writes. What it replaces is of another user or model."""
    removed = next((base / "saved_models").glob("sample-none-rating*")).name
    ids, time_model = "--model sample-none-rating", "--model sample-timestamp-rating"
    lists = {
        "recommend --csv": "recommend --user {} --csv out.csv",
        "similar --csv": "similar id:{} --csv out.csv",
        "predict --csv": "predict --user 1 --movie id:{} --csv out.csv",
    }
    made = [
        Writer(name, f"{command.format(2)} {ids}", f"{command.format(1)} {ids}")
        for name, command in lists.items()
    ]
    made += [
        Writer("report", "report -o out.html", "report -o out.html --baselines None"),
        Writer("explore", f"explore {ids} -o out.html", f"explore {time_model} -o out.html"),
    ]
    for form, kills in (("npz", 15), ("onnx", 8), ("savedmodel", 9)):
        export = f"export --format {form} -o out {{}}"
        over = f"{export.format(ids)} --overwrite"
        made += [
            Writer(f"export {form}", export.format(ids), kills=kills, repeatable=False),
            Writer(f"export {form} --overwrite", over, export.format(time_model), kills=kills),
        ]
    archive = f"--archive {data / 'ml-100k.zip'}"
    titles = f"--imdb_titles {data / 'title.basics.tsv.gz'}"
    return [
        *made,
        Writer("data import", f"data import {data / 'ml-100k.zip'} --datasets_dir imported"),
        Writer("data lengths --csv", f"data lengths {archive} {titles} --csv out.csv"),
        Writer("models remove", f"models remove {removed}", repeatable=False),
        Writer("train", f"{TRAIN} --num_epochs 1 --additional_feature_sets None", kills=12),
        Writer(
            "train --family gru4rec", f"{TRAIN} --family gru4rec --baselines None --num_epochs 2", kills=4
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="commands of the table (default: all)")
    parser.add_argument("--kills", type=int, default=200, help="in all, spread as they are by default")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="archives' folder")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    chosen = parser.parse_args(arguments)
    rng = random.Random(chosen.seed)
    forked.import_what_is_heavy()
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        base = Path(os.path.realpath(place), "base")
        base.mkdir()
        assert run(BASE, base)[0] == 0, base.with_suffix(".txt").read_text()
        (base / "movierec.html").unlink()
        every = writers(chosen.data.resolve(), base)
        scale = chosen.kills / sum(writer.kills for writer in every)
        for writer in every:
            if not chosen.names or writer.name in chosen.names:
                began = time.monotonic()
                outcomes.append(kill_all(writer, base, max(1, round(scale * writer.kills)), rng))
                print(
                    f"{writer.name}: {time.monotonic() - began:.0f} s | {_cells(outcomes[-1].counts)}",
                    *outcomes[-1].problems,
                    sep="\n  ",
                    file=sys.stderr,
                )
    print(table(outcomes))


if __name__ == "__main__":
    main()
