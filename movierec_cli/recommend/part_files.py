"""The lists of many users as Parquet files, a part for each block of users, with a manifest.

Each part is complete or absent and says of which request it is, so that the same command makes only those
that are missing, wherever it stopped, and several machines can make some each. The manifest lists the parts
and their checksums; it is there once all of them are.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from movierec_cli.data.dataset import are_texts
from movierec_cli.errors import MovierecError, SavedModelError, UsageError, problems_named
from movierec_cli.files.atomic import check_place, written_whole
from movierec_cli.files.reading import open_regular
from movierec_cli.recommend.many_users import Lister, TopLists
from movierec_cli.records import dataclass
from movierec_cli.registry.manifest import RECORD_FILE
from movierec_cli.runners.runner import Channel, Runner
from movierec_cli.storage.serialization import JSON, canonical_json, encode, parse_json

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
"""Raised whenever parts or their manifest change."""
USERS_OF_PART = 4096
"""As many users a part has at most where nobody says how many parts there are: of lists of 100, 10 MB."""
MOST_PARTS = 100_000
_REQUEST = "movierec.request"  # in a part's own metadata
_PART = re.compile(r"part-(?P<number>\d{5,6})-of-(?P<n>\d{5,6})\.parquet")
_LONGEST_MANIFEST = 1 << 26  # bytes


@dataclass(frozen=True)
class Shard:
    """One of so many parts, counted from 1."""

    number: int
    n_parts: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads "3/8". Raises a `UsageError` for anything else."""
        match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
        number, n_parts = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= n_parts <= MOST_PARTS:
            raise UsageError(
                f"--shard is '{text}'; it must be a part and how many there are, such as 1/8 … 8/8"
            )
        return cls(number, n_parts)


@dataclass(frozen=True)
class Request:
    """Which lists are written; parts of another one are none of this."""

    run: str
    run_sha256: str  # hex, of run.json, which has the checksums of all other files
    users_sha256: str  # of their ids, in their order
    n_users: int
    top: int
    filters: dict[str, JSON]

    @classmethod
    def of(cls, lister: Lister) -> Request:
        """Of prepared lists. Raises a `SavedModelError` where the run's record cannot be read."""
        run, ids = lister.run, lister.user_ids
        with problems_named(f"{run.folder} cannot be read", SavedModelError):
            record = (run.folder / RECORD_FILE).read_bytes()
        return cls(
            run.record.name,
            hashlib.sha256(record).hexdigest(),
            hashlib.sha256(json.dumps(ids.tolist()).encode()).hexdigest(),
            len(ids),
            lister.top,
            encode(asdict(replace(lister.filters, notes=()))),  # type: ignore[arg-type]
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of it all."""
        return hashlib.sha256(canonical_json([MANIFEST_FORMAT, encode(asdict(self))]).encode()).hexdigest()


@dataclass(frozen=True)
class Written:
    """What a command has done for a folder of parts."""

    folder: Path
    n_parts: int
    n_made: int  # by this command
    n_missing: int  # of all parts; the manifest is there where it is 0
    n_users: int
    n_rows: int  # of all parts that are there

    def document(self) -> dict[str, Any]:
        """For programs."""
        manifest = None if self.n_missing else str(self.folder / MANIFEST)
        return {**asdict(self), "folder": str(self.folder), "manifest": manifest}


@dataclass(frozen=True)
class PartFolder:
    """A folder of the parts of one request.

    Args:
        folder: made if need be.
        request: what is written.
        n_parts: how many parts; users are divided among them in their order, as evenly as can be.
    """

    folder: Path
    request: Request
    n_parts: int

    @classmethod
    def of(cls, folder: Path, request: Request, shard: Shard | None) -> PartFolder:
        """With as many parts as the shard says, else as those that lie there, else by `USERS_OF_PART`.

        Raises:
            MovierecError: the folder cannot be written, holds parts of other lists, or of another number.
        """
        with problems_named(f"--parts {folder} cannot be written"):
            folder.mkdir(parents=True, exist_ok=True)
            check_place(folder / MANIFEST)
            there = [one for path in folder.iterdir() if (one := _PART.fullmatch(path.name))]
        numbers = sorted({int(one["n"]) for one in there})
        if len(numbers) > 1 or (shard and numbers and numbers != [shard.n_parts]):
            raise MovierecError(
                f"{folder} holds parts of {' and of '.join(f'{one:,}' for one in numbers)}"
                + (f", and --shard says {shard.n_parts:,}" if shard else "")
                + "; name another folder with --parts, or delete them"
            )
        usual = max(1, -(-request.n_users // USERS_OF_PART))
        chosen = shard.n_parts if shard else numbers[0] if numbers else usual
        if chosen > max(1, request.n_users):
            raise UsageError(f"--shard: {chosen:,} parts are more than the {request.n_users:,} users")
        own = cls(folder, request, chosen)
        for one in there:
            own.is_there(int(one["number"]) - 1)
        return own

    def path(self, part: int) -> Path:
        """Of a part, counted from 0."""
        return self.folder / f"part-{part + 1:05}-of-{self.n_parts:05}.parquet"

    def users(self, part: int) -> slice:
        """Which users are in a part."""
        edges = np.linspace(0, self.request.n_users, self.n_parts + 1).astype(np.int64)
        return slice(int(edges[part]), int(edges[part + 1]))

    def is_there(self, part: int) -> bool:
        """Whether a part is complete. Raises a `MovierecError` for one of other lists."""
        path = self.path(part)
        if not path.exists():
            return False
        if _request_of(path) != self.request.digest:
            raise MovierecError(
                f"{path} holds lists of another model, other users or other options; name another folder with"
                " --parts, or delete it"
            )
        return True

    def missing(self) -> list[int]:
        """The parts that are not there."""
        return [part for part in range(self.n_parts) if not self.is_there(part)]

    def put(self, part: int, content: bytes) -> None:
        """Writes a part, whole or not at all. Raises a `MovierecError` where that cannot be done."""
        with (
            problems_named(f"{self.path(part)} cannot be written"),
            written_whole(self.path(part)) as temporary,
        ):
            temporary.write_bytes(content)

    def finish(self) -> int:
        """Writes the manifest of a complete folder, or compares it where it is there: the rows of all parts.

        Raises:
            MovierecError: a part is not what the manifest says, or it cannot be written.
        """
        parts = [self._entry(part) for part in range(self.n_parts)]
        content: dict[str, Any] = {
            "format": MANIFEST_FORMAT,
            "request": asdict(self.request),
            "request_sha256": self.request.digest,
            "parts": parts,
        }
        path = self.folder / MANIFEST
        if path.exists():
            with problems_named(f"{path} cannot be read"), open_regular(path) as file:
                self._compare(path, file.read(_LONGEST_MANIFEST), content)
        else:
            text = json.dumps(content, indent=1, ensure_ascii=False)
            with problems_named(f"{path} cannot be written"), written_whole(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return sum(part["n_rows"] for part in parts)

    def _entry(self, part: int) -> dict[str, Any]:
        import polars as pl

        path, users = self.path(part), self.users(part)
        with problems_named(f"{path} cannot be read"), open_regular(path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            n_rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        return {
            "file": path.name,
            "sha256": sha256,
            "n_users": users.stop - users.start,
            "n_rows": n_rows,
        }

    def _compare(self, path: Path, written: bytes, content: dict[str, Any]) -> None:
        try:
            manifest = parse_json(written)
        except ValueError as error:
            raise MovierecError(f"{path} is damaged: {error}; delete it, and it is written anew") from error
        if manifest == encode(content):
            return
        listed = manifest.get("parts") if isinstance(manifest, dict) else None
        wrong = [one["file"] for one in content["parts"] if not isinstance(listed, list) or one not in listed]
        raise MovierecError(
            f"{path} tells of other parts than lie there ({', '.join(wrong[:3]) or 'another request'});"
            " delete them and the manifest, and give the command again"
        )


def write_parts(lister: Lister, *, folder: Path, runner: Runner, shard: Shard | None = None) -> Written:
    """Writes the parts that are missing, or one of them, and the manifest once all are there.

    Args:
        lister: of the users, in the order of the parts.
        folder: of the parts.
        runner: who makes them; this process writes them.
        shard: only this part.

    Raises:
        MovierecError: as `PartFolder`.
    """
    parts = PartFolder.of(folder, Request.of(lister), shard)
    wanted = parts.missing()
    if shard is not None:
        wanted = [part for part in wanted if part == shard.number - 1]
    if wanted:
        with runner:
            asked = ((parts.users(part), parts.request.digest) for part in wanted)
            for number, content in runner.run(part_task, asked, shared=lister):
                parts.put(wanted[number], content)
    missing = parts.missing()
    there = (part for part in range(parts.n_parts) if part not in set(missing))
    n_rows = sum(parts._entry(part)["n_rows"] for part in there) if missing else parts.finish()
    return Written(folder, parts.n_parts, len(wanted), len(missing), parts.request.n_users, n_rows)


def part_task(lister: Lister, asked: tuple[slice, str], channel: Channel) -> bytes:
    """The content of a part: the lists of these users, as of this request."""
    users, request = asked
    return parquet_of(lister.lists(users), request)


def parquet_of(lists: TopLists, request: str) -> bytes:
    """Lists as a Parquet file: user, place, movie_id, title, score and new, a row for each movie."""
    import polars as pl

    is_listed = lists.is_listed
    owner, place = np.nonzero(is_listed)
    rows, catalogue = lists.rows[is_listed], lists.run.catalogue
    frame = pl.DataFrame(
        {
            "user": _ids(lists.user_ids).gather(owner),
            "place": (place + 1).astype(np.int32),
            "movie_id": _ids(catalogue.movie_id).gather(rows),
            "title": pl.Series(catalogue.title.tolist(), dtype=pl.String).gather(rows),
            "score": lists.scores[is_listed],
            "new": lists.run.is_new[rows],
        }
    )
    content = io.BytesIO()
    frame.write_parquet(content, metadata={_REQUEST: request})
    return content.getvalue()


def _ids(ids: Any) -> Any:
    import polars as pl

    return pl.Series(ids.tolist(), dtype=pl.String if are_texts(ids) else pl.Int64)


def _request_of(path: Path) -> str | None:
    """What a part says of its request; None for what is no part."""
    import polars as pl

    try:
        with open_regular(path) as file:
            return _metadata(pl, file).get(_REQUEST)
    except (OSError, pl.exceptions.PolarsError):
        return None


def _metadata(pl: Any, file: IO[bytes]) -> dict[str, str]:
    found: dict[str, str] = pl.read_parquet_metadata(file)
    return found
