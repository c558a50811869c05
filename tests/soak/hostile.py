"""Files that nobody should have to read: controls, markup, formulas, bombs; and servers that lie and wait."""

import gzip
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.file_server import FileServer, serving

CONTROLS = (
    "\x1b]0;owned\x07", "\x1b[2J\x1b[31mred", "\x9b31mC1", "a\u202ereversed", "\u2066isolated",
    "bell\x07", "\x08\x08\x08",
    "\x1b]8;;file:///etc/passwd\x1b\\link\x1b]8;;\x1b\\", "line\u2028separator",
)  # fmt: skip
MARKUP = (
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "[red]rich[/red]", "[link=file:///]x[/link]",
    "{{7*7}}", "&lt;b&gt;", "[/]", "'; drop table", "]]>", "${jndi:x}",
)  # fmt: skip
FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", '=HYPERLINK("http://x","y")')
KINDS: dict[str, tuple[str, ...]] = {"controls": CONTROLS, "markup": MARKUP, "formulas": FORMULAS}
BOMBS = (
    "a long line",
    "many columns",
    "a zip of zeros",
    "a gzip of zeros",
    "many members",
    "huge numbers",
    "deep JSON",
)


def write_ratings(file: Path, kind: str, random: Random) -> None:
    """Ratings of somebody else's whose titles are of a kind."""
    titles = [random.choice(KINDS[kind]) for _ in range(3)] + ["Film 4 (1954)"]
    quoted = ['"' + one.replace('"', '""') + '"' for one in titles]
    file.write_text("\n".join(["title,rating", *(f"{one},{random.randint(1, 5)}" for one in quoted), ""]))


def write_data(folder: Path, kind: str, random: Random) -> None:
    """A data set whose titles, genres and names of users and columns are of a kind."""
    folder.mkdir(exist_ok=True)
    texts = KINDS[kind]
    odd = random.choice(texts).replace('"', '""').replace("\n", " ")
    lines = [f'userId,movieId,rating,timestamp,"{odd}"']
    lines += [f'"u{odd}{n % 9}",{n % 7},{1 + n % 5},{10**9 + n},{n}' for n in range(60)]
    (folder / "ratings.csv").write_text("\n".join([*lines, ""]))
    movies = [
        f'{n},"{random.choice(texts).replace(chr(34), chr(34) * 2)} (1990)","{odd}|Drama"' for n in range(7)
    ]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies, ""]))


def write_bomb(file: Path, kind: str) -> None:
    """A file that is small and wants to be large."""
    if kind == "a long line":
        file.write_bytes(b"title,rating\n" + b"x" * (8 << 20) + b",5\n")
    elif kind == "many columns":
        file.write_bytes(b",".join(b"c%d" % n for n in range(200_000)) + b"\n" + b"1," * 199_999 + b"1\n")
    elif kind == "a zip of zeros":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("ratings.csv", bytes(64 << 20))
    elif kind == "a gzip of zeros":
        file.write_bytes(gzip.compress(bytes(64 << 20)))
    elif kind == "many members":
        with zipfile.ZipFile(file, "w") as archive:
            for n in range(20_000):
                archive.writestr(f"{n}.csv", b"")
    elif kind == "huge numbers":
        file.write_text("userId,movieId,rating,timestamp\n1,2,1e400,9e999\n" + "9" * 5_000 + ",1,5,1\n")
    else:
        file.write_text("[" * 200_000)


# --- a server -----------------------------------------------------------------------------------------


def _breaks(server: FileServer, random: Random) -> None:
    server.breaks_after = random.randrange(len(server.body))


def _lies_about_place(server: FileServer, random: Random) -> None:
    server.breaks_after, server.starts_early = random.randrange(1, len(server.body)), random.randrange(1, 9)


def _sends_another_file(server: FileServer, random: Random) -> None:
    server.body = random.choice(
        (b"<html>sign in first</html>", b"PK\x03\x04" + bytes(99), server.body[:-7], b"")
    )


def _refuses(server: FileServer, random: Random) -> None:
    server.status = random.choice((301, 403, 404, 410, 429, 500, 503))
    server.reason = random.choice((None, "\x1b[31mNo", "nothing here"))


def _tells_no_length(server: FileServer, random: Random) -> None:
    server.tells_length, server.breaks_after = False, random.randrange(1, len(server.body))


def _waits(server: FileServer, random: Random) -> None:
    server.breaks_after, server.may_go_on = random.randrange(1, len(server.body)), threading.Event()


def _sends_for_ever(server: FileServer, random: Random) -> None:
    server.is_endless = True


def _tells_for_ever(server: FileServer, random: Random) -> None:
    server.has_endless_head, server.pause_s = True, random.choice((0.0, 0.05))


def _redirects_for_ever(server: FileServer, random: Random) -> None:
    server.redirects_to, server.is_endless = server.url, random.random() < 0.5


def _is_slow(server: FileServer, random: Random) -> None:
    server.pause_s = random.choice((0.01, 0.3))


BAD_SERVERS: dict[str, Callable[[FileServer, Random], None]] = {
    "breaks off": _breaks,
    "sends from another place": _lies_about_place,
    "sends another file": _sends_another_file,
    "refuses": _refuses,
    "tells no length": _tells_no_length,
    "waits": _waits,
    "sends for ever": _sends_for_ever,
    "sends headers for ever": _tells_for_ever,
    "redirects for ever": _redirects_for_ever,
    "sends a byte now and then": _is_slow,
}


def impatient() -> None:
    """What a download waits for is waited for half a second, and a large file has some megabytes."""
    from movierec_cli.data import download, limits

    download._TIMEOUT_S = download._ANSWER_S = download._SLOW_S = 0.5  # type: ignore[assignment]
    limits.DOWNLOAD_BYTES = limits.Limit(1 << 22, "is larger than {} bytes")


@contextmanager
def bad_server(body: bytes, kind: str, random: Random) -> Iterator[FileServer]:
    """A server of a file that has a fault, which `mend` takes away."""
    with serving() as server:
        server.body = body
        BAD_SERVERS[kind](server, random)
        yield server


def mend(server: FileServer, body: bytes) -> None:
    """From now on the server is a good one."""
    if server.may_go_on is not None:
        server.may_go_on.set()
    for name in set(vars(server)) & set(vars(FileServer)):
        delattr(server, name)  # what it is by default
    server.body = body


def archive_bytes(file: Path) -> bytes:
    """Of a zip, long enough to be sent in parts."""
    buffer = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("ml-latest-small/README.txt", Random(0).randbytes(300_000))
    return buffer.getvalue()
