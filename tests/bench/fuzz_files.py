"""Random damage to small data sets of many shapes: an answer, or an error that says where; nothing written.

    python -m tests.bench.fuzz_files [--cases 2000] [--seed 0] [--shape NAME]

Most damages are to one line, so that an error can be held to name it.
"""

import argparse
import gzip
import io
import json
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from movierec_cli.config import DataConfig
from movierec_cli.data.load import load_dataset
from movierec_cli.errors import DataError, MovierecError

MOST_S, MOST_CHARACTERS = 5, 600
Random = np.random.Generator
Files = dict[str, bytes]  # by name; one alone is given as a file, several as a folder


# --- shapes -------------------------------------------------------------------------------------------


def _rows(n: int = 60, first: int = 1) -> list[tuple[int, int, float, int]]:
    """(user, item, stars, seconds), each pair once."""
    return [
        (first + row // 6, 1 + (row * 5 + row // 6) % 20, 1 + row % 9 / 2, 978_300_000 + 997 * row)
        for row in range(n)
    ]


def _text(header: str, rows: list[tuple[object, ...]], separator: str = ",") -> bytes:
    lines = [header.replace(",", separator)] if header else []
    return "".join(
        f"{line}\n" for line in [*lines, *(separator.join(map(str, row)) for row in rows)]
    ).encode()


def _zip(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _parquet(columns: dict[str, list[object]]) -> bytes:
    import polars

    buffer = io.BytesIO()
    polars.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def shapes() -> dict[str, Files]:
    """Small data sets by name."""
    rows = _rows()
    head = "userId,itemId,rating,timestamp"
    objects = [json.dumps(dict(zip(head.split(","), row, strict=True))) for row in rows]
    titles = [f"Film {item} ({1980 + item})" for item in range(1, 21)]
    csv = _text(head, rows)
    items = _text("itemId,title,genres", [(n + 1, one, "Action|Drama") for n, one in enumerate(titles)])
    users = _text("userId,age,gender", [(n, 20 + n, "MF"[n % 2]) for n in range(1, 11)])
    links = _text("itemId,imdbId,tmdbId", [(n, f"{n:07}", n) for n in range(1, 21)])
    quoted = [(u, i, r, t, f'"said ""it"" {u},\nand more"' if i % 3 else '"fine"') for u, i, r, t in rows]
    texts = [(f"u{u}", f"tt{i:04}", r, t) for u, i, r, t in rows]
    dates = [(u, i, r, f"2005-04-{1 + n % 28:02} 23:53:{n % 60:02}") for n, (u, i, r, _) in enumerate(rows)]
    return {
        "comma": {"ratings.csv": csv},
        "semicolon": {"ratings.csv": _text(head, rows, ";")},
        "tab": {"ratings.tsv": _text(head, rows, "\t")},
        "colons": {"ratings.dat": _text(head, rows, "::")},
        "pipe": {"ratings.txt": _text(head, rows, "|")},
        "headerless": {"ratings.csv": _text("", rows)},
        "CRLF, BOM": {"ratings.csv": b"\xef\xbb\xbf" + csv.replace(b"\n", b"\r\n")},
        "quoted": {"ratings.csv": _text(f"{head},comment", quoted)},
        "text ids": {"ratings.csv": _text(head, texts)},
        "dates": {"ratings.csv": _text(head, dates)},
        "milliseconds": {"ratings.csv": _text(head, [(u, i, r, 1000 * t + 7) for u, i, r, t in rows])},
        "floats": {"ratings.csv": _text(head, [(f"{u}.0", f"{i}.0", r, t + 0.5) for u, i, r, t in rows])},
        "implicit": {"events.csv": _text("user_id,item_id", [row[:2] for row in rows])},
        "weights": {"plays.csv": _text("user,artist,plays", [(u, i, 1 + t % 9) for u, i, _, t in rows])},
        "JSON lines": {"ratings.jsonl": "\n".join(objects).encode()},
        "JSON list": {"ratings.json": ("[" + ",\n".join(objects) + "]\n").encode()},
        "Parquet": {"r.parquet": _parquet(dict(zip(head.split(","), zip(*rows, strict=True), strict=True)))},
        "gzip": {"ratings.csv.gz": gzip.compress(csv)},
        "zip": {"data.zip": _zip({"data/ratings.csv": csv, "data/items.csv": items})},
        "folder": {"ratings.csv": csv, "items.csv": items, "users.csv": users, "links.csv": links},
        "split": {"train.csv": csv, "test.csv": _text(head, _rows(12, 11)), "items.csv": items},
        "1M": {
            "ratings.dat": _text("", [(u, i, int(r) or 1, t) for u, i, r, t in rows], "::"),
            "movies.dat": _text("", [(n + 1, one, "Action|Drama") for n, one in enumerate(titles)], "::"),
            "users.dat": _text("", [(n, "MF"[n % 2], 25, n, f"{n:05}") for n in range(1, 11)], "::"),
        },
    }  # fmt: skip


# --- damages ------------------------------------------------------------------------------------------

_JUNK = (
    b'"', b'""', b"\0", b"\x01", b"\x1b[31m", b"\x0b", b"\xff", b"\xe9", b"\xc3", b"\xef\xbb\xbf", b"\r",
    b",", b";", b"\t", b"::", b"|", b"\\", b"'", b" ", b"{", b"]", b"-", b"\xe2\x80\xa8", b"#",
)  # fmt: skip
_VALUES = (
    b"", b" ", b"nan", b"NaN", b"inf", b"-inf", b"NULL", b"1e999", b"9" * 30, b"-1", b"1e400", b"0x10",
    b"abc", b"99999999999", b"31/12/2005", b"2005-13-45", b"10000-01-01", b"1,5", b"007", b"'5'", b"True",
    b"[]", b"{}", b"\xc3\xa9" * 9,
)  # fmt: skip


def _in_line(line: bytes, random: Random) -> bytes:
    """Some bytes are others, missing or more; or a field is missing, another, or twice there."""
    at = int(random.integers(0, len(line) + 1))
    separator = next((one for one in (b"::", b"\t", b";", b"|", b",") if one in line), b",")
    fields = line.split(separator)
    one, other = random.integers(0, len(fields), 2)
    swapped = list(fields)
    swapped[one], swapped[other] = fields[other], fields[one]
    value = _VALUES[random.integers(len(_VALUES))]
    flipped = bytes(byte ^ 1 << random.integers(8) for byte in line[at : at + 1])
    damaged: list[Callable[[], bytes]] = [
        lambda: line[:at] + flipped + line[at + 1 :],
        lambda: line[:at] + line[at + int(random.integers(1, 4)) :],
        lambda: line[:at] + _JUNK[random.integers(len(_JUNK))] + line[at:],
        lambda: line[:at] + bytes(random.integers(0, 256, 3, dtype=np.uint8)) + line[at:],
        lambda: line[:at],
        lambda: separator.join([*fields[:one], *fields[one + 1 :]]),
        lambda: separator.join([*fields[:one], value, *fields[one + 1 :]]),
        lambda: separator.join([*fields[:one], fields[one] + value, *fields[one + 1 :]]),
        lambda: separator.join([*fields[:one], fields[one], *fields[one:]]),
        lambda: separator.join(swapped),
    ]  # fmt: skip
    return damaged[random.integers(len(damaged))]()


def damage(content: bytes, random: Random, *, lines: bool) -> tuple[bytes, int | None]:
    """Damaged content, and the line that is damaged, from 1, where it is one."""
    kind = random.random()
    if lines and kind < 0.75:
        texts = content.split(b"\n")
        number = int(random.integers(0, max(1, len(texts) - 1)))
        damaged = _in_line(texts[number], random)
        if damaged != texts[number] and b"\n" not in damaged:
            return b"\n".join([*texts[:number], damaged, *texts[number + 1 :]]), number + 1
    if lines and kind < 0.9:
        texts = content.split(b"\n")
        one, other = sorted(random.integers(0, len(texts), 2))
        several = (
            [*texts[:one], texts[other], *texts[one:]],
            [*texts[:one], *texts[one + 1 :]],
            [*texts[:one], texts[other], *texts[one + 1 : other], texts[one], *texts[other + 1 :]],
            [*texts[:one], *(text + b"\r" for text in texts[one:])],
        )
        return b"\n".join(several[random.integers(len(several))]), None
    at, end = sorted(random.integers(0, len(content), 2))
    noise = bytes(random.integers(0, 256, int(random.integers(1, 9)), dtype=np.uint8))
    return (content[:at], content[:at] + content[end:], content[:at] + noise + content[at:])[
        random.integers(3)
    ], None


def damaged_files(files: Files, random: Random) -> tuple[Files, str, int | None]:
    """One file of a data set is damaged; which, and in which line where it is one."""
    name = str(random.choice(sorted(files)))
    content = files[name]
    if name.endswith(".gz") and random.random() < 0.7:
        inner, line = damage(gzip.decompress(content), random, lines=True)
        return files | {name: gzip.compress(inner)}, name, line
    if name.endswith(".zip") and random.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {one: archive.read(one) for one in archive.namelist()}
        damaged, member, line = damaged_files(members, random)
        return files | {name: _zip(damaged)}, f"{name}/{member}", line
    is_text = not name.endswith((".gz", ".zip", ".parquet"))
    content, line = damage(content, random, lines=is_text)
    return files | {name: content}, name, line


# --- cases --------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """How the cases of a shape ended."""

    ends: Counter[str] = field(default_factory=Counter)
    n_with_line: int = 0  # errors where one line was damaged …
    n_named: int = 0  # … that name this line
    slowest_s: float = 0.0


def load_damaged(files: Files, path: Path, damaged: str, line: int | None, weights: str | None) -> str:
    """Loads files; "answer", "error" or, where one line was damaged, whether the error names it.

    Raises:
        AssertionError: an error is too long, or something was written beside it.
    """
    folder = path / "data"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    archive = folder / next(iter(files)) if len(files) == 1 else folder
    try:
        load_dataset(DataConfig(archive=archive, datasets_dir=path / "datasets", weights=weights))
    except MovierecError as error:
        message = str(error).replace(str(folder), "")
        assert len(message) <= MOST_CHARACTERS, f"{len(message):,} characters: {message[:2000]}"
        assert not list((path / "datasets").rglob("*")), "something was written"
        if line is None:
            return "error"
        names = isinstance(error, DataError) and str(error.file).endswith(damaged) and error.line == line
        return "named" if names else f"unnamed: {message}"
    return "answer"


def campaign(n_cases: int, seed: int, only: str = "") -> tuple[dict[str, Tally], list[str], list[str]]:
    """Tallies by shape, the failures, and the errors that do not name the line that was damaged."""
    chosen = {name: files for name, files in shapes().items() if only in ("", name)}
    tallies = {name: Tally() for name in chosen}
    failures: list[str] = []
    unnamed: list[str] = []
    signal.signal(signal.SIGALRM, _alarm)
    for number, name in enumerate(_names(list(chosen), n_cases)):
        random = np.random.default_rng([seed, number])
        files, damaged, line = damaged_files(chosen[name], random)
        tally, started = tallies[name], time.perf_counter()
        weights = "plays" if name == "weights" else None
        with tempfile.TemporaryDirectory() as directory:
            signal.setitimer(signal.ITIMER_REAL, MOST_S)
            try:
                end = load_damaged(files, Path(directory), damaged, line, weights)
            except (Exception, _panic()):
                end = "FAILED"
                failures.append(
                    f"{name}, case {number}, {damaged}, line {line}\n{traceback.format_exc(limit=-6)}"
                )
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        tally.slowest_s = max(tally.slowest_s, time.perf_counter() - started)
        if end == "named" or end.startswith("unnamed"):
            tally.n_with_line, tally.n_named = tally.n_with_line + 1, tally.n_named + (end == "named")
            if end != "named":
                unnamed.append(f"{name}, case {number}, {damaged}, line {line}: {end}")
            end = "error"
        tally.ends[end] += 1
    return tallies, failures, unnamed


def _names(names: list[str], n_cases: int) -> Iterator[str]:
    return (names[number % len(names)] for number in range(n_cases))


def _panic() -> type[BaseException]:
    from polars.exceptions import PanicException

    return PanicException


def _alarm(*_: object) -> None:
    raise TimeoutError(f"no end after {MOST_S} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shape", default="", help="one of them alone")
    parser.add_argument("--show", action="store_true", help="the errors that do not name the damaged line")
    arguments = parser.parse_args()
    tallies, failures, unnamed = campaign(arguments.cases, arguments.seed, arguments.shape)
    print(f"{'shape':<14} {'cases':>5} {'answer':>6} {'error':>5} {'FAILED':>6} {'line named':>13} {'s':>5}")
    for name, one in tallies.items():
        named = f"{one.n_named} of {one.n_with_line}"
        print(f"{name:<14} {one.ends.total():>5} {one.ends['answer']:>6} {one.ends['error']:>5}"
              f" {one.ends['FAILED']:>6} {named:>13} {one.slowest_s:>5.2f}")  # fmt: skip
    n_named, n_with_line = (
        sum(getattr(one, name) for one in tallies.values()) for name in ("n_named", "n_with_line")
    )
    print(
        f"errors that name the damaged line: {n_named} of {n_with_line} ({n_named / max(n_with_line, 1):.0%})"
    )
    if arguments.show:
        print(*unnamed, sep="\n")
    print(*failures, sep="\n", file=sys.stderr)
    sys.exit(f"{len(failures)} cases failed" if failures else 0)


if __name__ == "__main__":
    main()
