"""Random damage to every file of saved models, with checksums that fit: an answer or "damaged", nothing else.

    python -m tests.bench.damage [--cases 500] [--file NAME] [--seed 0]

Each case damages one file, mends the checksums as somebody who means it would, and runs what commands run.
It may take 5 s and 64 MiB more than four times the folder's size, and end in an answer of finite numbers or
in a `SavedModelError` that names the file.
"""

import argparse
import contextlib
import hashlib
import io
import json
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from movierec_cli.config import Family, RankBy
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.predict import predict
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.response import similar_movies
from movierec_cli.recommend.users import new_user, rated_in, user_after, user_of
from movierec_cli.registry import store
from movierec_cli.registry.manifest import FileEntry
from movierec_cli.reports.terminal.study_text import details, study_text
from movierec_cli.reports.web.report_page import report_page
from movierec_cli.storage.npz import pack, read
from movierec_cli.storage.serialization import canonical_json, encode
from tests.saved_runs import (
    baseline_run,
    judged_run,
    multi_task_config,
    random_fit,
    run_config,
    run_record,
    sequence_config,
)
from tests.small_dataset import small_dataset

DATASET = small_dataset()
MOST_S, MOST_BYTES = 5, 64 << 20
Random = np.random.Generator

NUMBERS = (float("nan"), float("inf"), -1, 0, 1e30, -1e300, 2**31 - 1, 2**63 - 1, -(2**63), 1e-320)
LEAVES = (
    *NUMBERS[:2], -1, 0, 1e308, 10**30, 10**400, True, None, "", "x" * 100_000, "\ud800", "\x1b[31m", [], {},
)  # fmt: skip
TEXTS = (
    b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"[1e999]", b"1" * 5_000, b'"\\ud800"', b"{}", b"\xff", b"",
)  # fmt: skip


# --- damages: from content to other content -----------------------------------------------------------


def flip(content: bytes, random: Random) -> bytes:
    """Some bits are others, of the file or of a member, whose checksum fits."""
    if content.startswith(b"PK") and random.random() < 0.5:
        return _in_member(content, random, flip)
    damaged = bytearray(content)
    for place in random.integers(0, len(content), random.integers(1, 9)):
        damaged[place] ^= 1 << random.integers(8)
    return bytes(damaged)


def cut(content: bytes, random: Random) -> bytes:
    """The end, or something inside, is missing; or there is something more."""
    if content.startswith(b"PK") and random.random() < 0.5:
        return _in_member(content, random, cut)
    first, last = sorted(random.integers(0, len(content), 2))
    return (content[:first], content[:first] + content[last:], content + content[:first])[random.integers(3)]


def swap(content: bytes, random: Random) -> bytes:
    """Two blocks, members of an npz or values of a JSON object have changed places."""
    if random.random() < 0.3:
        n = int(random.integers(1, max(2, len(content) // 4)))
        one, other = sorted(random.integers(0, max(1, len(content) - n), 2))
        if other - one >= n:
            blocks = content[other : other + n], content[one + n : other], content[one : one + n]
            return content[:one] + b"".join(blocks) + content[other + n :]
    if content.startswith(b"{"):
        return _edited_json(content, random, lambda _, leaves: leaves[random.integers(len(leaves))])
    arrays = read(io.BytesIO(content))
    one, other = random.choice(list(arrays), 2)
    return pack(arrays | {one: arrays[other], other: arrays[one]})


def reshape(content: bytes, random: Random) -> bytes:
    """A member has another shape, type or header; a value of JSON is of another kind."""
    if content.startswith(b"{"):
        kinds = ([], {}, None, True, "1", 1, 1.5, [[]], {"a": 1})
        return _edited_json(content, random, lambda *_: kinds[random.integers(len(kinds))])
    if random.random() < 0.3:
        return _other_header(content, random)
    arrays = read(io.BytesIO(content))
    name = str(random.choice(list(arrays)))
    array = arrays[name]
    flat = array.ravel()
    shapes: list[Callable[[], np.ndarray]] = [
        lambda: array[None],
        lambda: array.T,
        lambda: flat,
        lambda: flat[:0],
        lambda: flat[:-1],
        lambda: np.append(flat, flat[:1]),
        lambda: np.zeros((0, 1 << 40), array.dtype),
        lambda: np.array(0, array.dtype),
        *(lambda dtype=dtype: array.astype(dtype) for dtype in ("i1", "i4", "i8", "f2", "f8", "?", "c16")),
    ]  # fmt: skip
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return pack(arrays | {name: shapes[random.integers(len(shapes))]()})


def revalue(content: bytes, random: Random) -> bytes:
    """Some values are NaN, infinite, negative, huge or out of range; a text is none."""
    if content.startswith(b"{"):
        return _edited_json(content, random, lambda *_: LEAVES[random.integers(len(LEAVES))])
    arrays = read(io.BytesIO(content))
    name = str(random.choice([name for name, array in arrays.items() if array.size] or list(arrays)))
    array = arrays[name].copy()
    if array.dtype == np.uint8 and array.ndim == 1 and array[:1].tobytes() in (b"{", b"[", b'"'):
        return pack(arrays | {name: np.frombuffer(_other_text(array.tobytes(), random), np.uint8)})
    if array.size:
        with np.errstate(all="ignore"):
            value = np.array(NUMBERS[random.integers(len(NUMBERS))]).astype(array.dtype)
        if random.random() < 0.3 and array.dtype.kind in "iu":
            value = array.dtype.type(np.clip(array.max(), 0, 100) + 1)
        array.flat[random.integers(0, array.size, random.integers(1, 4))] = value
    return pack(arrays | {name: array})


DAMAGES = {"flip": flip, "cut": cut, "swap": swap, "shape": reshape, "value": revalue}


def _other_text(text: bytes, random: Random) -> bytes:
    if random.random() < 0.3:
        return TEXTS[random.integers(len(TEXTS))]
    return _edited_json(text, random, lambda *_: LEAVES[random.integers(len(LEAVES))])


def _other_header(content: bytes, random: Random) -> bytes:
    """A header that promises more than there is, is no literal, or is of objects."""
    headers = (
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "(" * 5_000,
        "{'descr': [('a', '<f4')], 'fortran_order': True, 'shape': (3,), }",
    )
    name = str(random.choice(list(members := _members(content))))
    header = headers[random.integers(len(headers))].encode() + b"\n"
    damaged = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + members[name][128:]
    return _zipped(members | {name: damaged}, compressed=random.random() < 0.3)


def _in_member(content: bytes, random: Random, damage: Callable[[bytes, Random], bytes]) -> bytes:
    name = str(random.choice(list(members := _members(content))))
    return _zipped(members | {name: damage(members[name], random)})


def _zipped(members: dict[str, bytes], *, compressed: bool = False) -> bytes:
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member, kind)
    return buffer.getvalue()


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _edited_json(content: bytes, random: Random, value: Callable[[Any, list[Any]], Any]) -> bytes:
    """JSON with one value replaced, or missing, or there under another name."""
    document = json.loads(content)
    places = list(_places(document)) if isinstance(document, dict | list) else []
    if not places:
        return b"[1]"
    owner, key = places[random.integers(len(places))]
    if isinstance(owner, dict) and random.random() < 0.1:
        owner[f"{key}x"] = owner.pop(key)
    else:
        owner[key] = value(owner[key], [owner[key] for owner, key in places])
    try:
        return json.dumps(document).encode()
    except ValueError:  # a value that was put into itself
        return content


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


# --- a run, its damage, and what is asked of it -------------------------------------------------------


def mended(folder: Path, name: str, content: bytes) -> None:
    """Writes a damaged file of a run with checksums that fit."""
    (folder / name).write_bytes(content)
    record_file = folder / "run.json"
    if not record_file.exists():
        return  # a checkpoint has no checksum but that of the zip
    with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, MovierecError, RecursionError):
        document = json.loads(record_file.read_bytes())
        if name != "run.json":
            document["files"][name] = encode(FileEntry.of(content))
        document.pop("checksum", None)
        plain = canonical_json(document).encode()
        document["checksum"] = hashlib.sha256(plain).hexdigest()
        record_file.write_text(json.dumps(document))


def questions(run: store.Run) -> Iterator[Callable[[], object]]:
    """What commands ask of a saved model."""
    family = run.record.config.family
    console = Console(file=io.StringIO(), width=150)
    yield lambda: console.print(details(run, console))
    yield lambda: json.dumps(encode(run.record), allow_nan=False).encode()
    if family.ranks or family.rates:
        yield lambda: _report(run, console)
    if not family.is_trained:
        return
    yield lambda: _finite(recommend(run, (user := user_of(run, 2)), diversity=0.5)) and rated_in(run, user)
    filters = Filters(years=(1981, 1990), max_minutes=200, max_popularity=50)
    yield lambda: recommend(run, new_user(run, Opinions(np.array([1, 2]))), filters=filters)
    yield lambda: recommend(
        run, user_of(run, 6), filters=Filters(not_genres=tuple(run.catalogue.genre_names[:1]))
    )
    yield lambda: list(recommend_all(run, [1, 5, 20], filters=Filters(include_seen=True)).csv_rows())
    yield lambda: similar_movies(run, 3).cautions
    yield lambda: explain(run, user_of(run, 3), [0, 7])
    if not family.is_sequential:
        yield lambda: _finite(recommend(run, user_of(run, 4, as_of_s=1_000_300_000)))
    else:
        yield lambda: _finite(recommend(run, user_after(run, [1, 2, 3])))
    if family.rates:
        yield lambda: [float(f"{one.stars:.3f}") for one in predict(run, [(1, 0), (20, 39)])]
        yield lambda: _finite(recommend(run, user_of(run, 5), rank_by=RankBy.BLEND))


def _finite(recommended: Any) -> bool:
    assert all(np.isfinite(movie.score) for movie in recommended.movies), "a score is not finite"
    return True


def _report(run: store.Run, console: Console) -> None:
    ranked, rated = on_own_test([run])
    if ranked:
        study = compare_runs(split_data(DATASET, run.record.config.split), ranked, rated=rated)
        report_page(study)
        console.print(study_text(study, console))


def sequential_run(directory: Path) -> store.Run:
    """A model of sequences with a network that was made and never trained."""
    config = sequence_config()
    _, parts = random_fit(DATASET, config)
    from movierec_cli.models.sequential.engine import start_keras

    start_keras()
    from movierec_cli.models.sequential.model import SequenceModel

    assert parts.artifacts is not None
    model = SequenceModel(config.family, config.model, config.feature_set, len(DATASET.movies))  # type: ignore[arg-type]
    movies = np.random.default_rng(0).normal(size=(len(DATASET.movies), config.model.embedding_size))  # type: ignore[union-attr]
    users = movies[: len(DATASET.users)]
    artifacts = replace(
        parts.artifacts,
        weights=dict(model.named_weights()),
        movie_embeddings=movies.astype(np.float32),
        user_embeddings=users.astype(np.float32),
    )
    saved = judged_run(directory, DATASET, config)
    return store.save_run(directory, saved.record, replace(saved.parts(), artifacts=artifacts))


def make_runs(directory: Path, *, sequential: bool = True) -> dict[str, store.Run]:
    """One run of each kind."""
    features = ("timestamp", "day_of_week", "user_tenure", "movie_genres")
    towers = judged_run(directory, DATASET, run_config(*features))
    made = {
        "towers": towers,
        "joint": judged_run(directory, DATASET, multi_task_config(*features)),
        "baseline": baseline_run(directory, DATASET, Family.EASE),
    }
    return made | ({"sequential": sequential_run(directory)} if sequential else {})


@dataclass
class Tally:
    """How the cases of one file and damage ended."""

    ends: Counter[str]
    slowest_s: float = 0.0
    most_bytes: int = 0


def ask(folder: Path, name: str) -> str:
    """How a damaged run answers: "answer" or "damaged"; anything else is raised."""
    runs, problems = store.list_runs(folder.parent)
    if problems:
        return _end_of(problems[0].message, name)
    end = "answer"
    (run,) = runs
    for question in questions(run):
        _watch(MOST_S)
        try:
            question()
        except MovierecError as error:
            end = max(end, _end_of(str(error), name))
    return end


def _end_of(message: str, name: str) -> str:
    """What an error means: the right file is named as damaged, or a user has another id now."""
    message.encode()
    if message.startswith("there is no user"):
        return "answer"
    assert "damaged" in message or "has format version" in message, message
    assert name in message or name == "run.json", message
    return "damaged"


def _watch(seconds: float) -> None:
    """Ends what computes for longer, whatever else the machine does, or waits for far longer."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 12 * seconds)


def _alarm(*_: object) -> None:
    raise TimeoutError(f"no end after {MOST_S} s")


def measured(case: Callable[[], str]) -> tuple[str, float, int]:
    """How a case ended, seconds, and the bytes it needed at most."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    started = time.perf_counter()
    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, _alarm)
    try:
        end = case()
    finally:
        _watch(0)
    return end, time.perf_counter() - started, max(0, _resident("VmHWM") - before)


def _resident(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def cases_of(name: str, content: bytes, per_damage: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Damaged content, with the damage's name."""
    for number, (damage, make) in enumerate(DAMAGES.items()):
        random = np.random.default_rng([seed, number, len(name)])
        for _ in range(per_damage):
            yield damage, make(content, random)


def checkpoint_case(folder: Path) -> Callable[[Path, str], str]:
    """Writes the checkpoint of a training; gives what loads it."""
    from movierec_cli.models.sequential import checkpoint

    weights = [np.ones((2, place + 1), np.float32) for place in range(4)]
    numbers = [np.array(3, np.int32), np.array(0.1, np.float32)]
    record = replace(run_record().history[0], epoch=2, ndcg=0.1)
    saved = checkpoint.Checkpoint(
        epoch=3, step=7, training_s=1.0, validation_s=0.5, history=(record,),
        weights=weights, optimizer=numbers, best=weights,
    )  # fmt: skip
    checkpoint.save(saved, folder)

    def load(folder: Path, name: str) -> str:
        try:
            assert checkpoint.load(folder, saved) is not None
        except SavedModelError as error:
            return _end_of(str(error), name)
        return "answer"

    return load


def campaign(
    folder: Path, name: str, per_damage: int, seed: int, asked: Callable[[Path, str], str] = ask
) -> tuple[dict[str, Tally], list[str]]:
    """Damages one file of a run again and again; what was found, and the failures."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    size = sum(map(len, files.values()))
    tallies = {damage: Tally(Counter()) for damage in DAMAGES}
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        folder = Path(directory, folder.name)
        folder.mkdir()
        for number, (damage, content) in enumerate(cases_of(name, files[name], per_damage, seed)):
            for one, whole in files.items():
                (folder / one).write_bytes(whole)
            mended(folder, name, content)
            try:
                end, seconds, n_bytes = measured(lambda: asked(folder, name))
                tallies[damage].slowest_s = max(tallies[damage].slowest_s, seconds)
                tallies[damage].most_bytes = max(tallies[damage].most_bytes, n_bytes)
                if n_bytes > 4 * size + MOST_BYTES:
                    raise MemoryError(f"{n_bytes:,} bytes for files of {size:,}")
            except Exception:
                end = "FAILED"
                failures.append(f"{name}, case {number}, {damage}\n{traceback.format_exc(limit=-6)}")
            tallies[damage].ends[end] += 1
    return tallies, failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="per file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", default="", help="one kind of run, such as towers")
    parser.add_argument("--file", default="", help="one file")
    arguments = parser.parse_args()
    print(f"{'run':<11} {'file':<17} {'damage':<7} {'cases':>5} {'answer':>6} {'damaged':>7} {'FAILED':>6}"
          f" {'s':>5} {'MiB':>5}")  # fmt: skip
    n_failed = 0
    with tempfile.TemporaryDirectory() as directory:
        cases = [("checkpoint", Path(directory, "training"), checkpoint_case(Path(directory, "training")))]
        for kind, run in make_runs(Path(directory, "saved_models")).items():
            assert ask_whole(run) == "answer"
            cases.append((kind, run.folder, ask))
        for kind, folder, asked in cases:
            for file in sorted(folder.iterdir()):
                if arguments.run not in ("", kind) or arguments.file not in ("", file.name):
                    continue
                per_damage = arguments.cases // len(DAMAGES)
                tallies, failures = campaign(folder, file.name, per_damage, arguments.seed, asked)
                for damage, one in tallies.items():
                    ends = one.ends
                    print(f"{kind:<11} {file.name:<17} {damage:<7} {ends.total():>5} {ends['answer']:>6}"
                          f" {ends['damaged']:>7} {ends['FAILED']:>6} {one.slowest_s:>5.2f}"
                          f" {one.most_bytes / 2**20:>5.1f}", flush=True)  # fmt: skip
                n_failed += len(failures)
                kinds = {failure.strip().splitlines()[-1][:100]: failure for failure in failures}
                print(*kinds.values(), sep="\n", file=sys.stderr, flush=True)
    sys.exit(f"{n_failed} cases failed" if n_failed else 0)


def ask_whole(run: store.Run) -> str:
    """A run that is not damaged answers everything."""
    with tempfile.TemporaryDirectory() as directory:
        return ask(shutil.copytree(run.folder, Path(directory, run.folder.name)), "")


if __name__ == "__main__":
    main()
