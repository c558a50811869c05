import errno
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from movierec_cli.files.atomic import (
    ABANDONED_AFTER_S,
    check_place,
    recover,
    remove_folder,
    written_folder,
    written_whole,
)

TOKEN = "0123456789abcdef"
NOBODY = 65_534
LONG_NAME = "é" * 127 + "x"  # 255 bytes
NO_UTF8 = os.fsdecode(b"caf\xe9.csv")


def put(target: Path, content: str = "new") -> None:
    with written_whole(target) as temporary:
        temporary.write_text(content)


def put_folder(
    target: Path, content: str = "new", replaceable: Callable[[Path], bool] = lambda _: True
) -> None:
    with written_folder(target, replaceable) as folder:
        (folder / "inside").mkdir(parents=True)
        (folder / "one").write_text(content)
        (folder / "inside" / "two").write_text(content)


def content_of(folder: Path) -> str:
    """What `put_folder` wrote; both files have to be of the same writer."""
    one, two = (folder / "one").read_text(), (folder / "inside" / "two").read_text()
    assert one == two
    return one


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def set_back(directory: Path, seconds: float) -> None:
    for path in directory.rglob("*"):
        os.utime(path, (time.time() - seconds, time.time() - seconds), follow_symlinks=False)


def in_child(action: Callable[[], None]) -> int:
    """Runs it in a fork of this process, which is quick; the number of the error, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except OSError as error:
            os._exit(error.errno)
        except BaseException:
            os._exit(255)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that cannot swap two names in one step."""

    def missing(_: None) -> None:
        raise OSError("no such library")

    monkeypatch.setattr("ctypes.CDLL", missing)


# --- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o755, 0o200])
def test_a_replaced_file_keeps_its_permissions_and_shows_its_content_to_nobody_else(
    mode: int, tmp_path: Path
) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    target.chmod(mode)
    with written_whole(target) as temporary:
        temporary.write_text("new")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert target.read_text() == "new" and names(tmp_path) == ["table.csv"]


def test_a_new_file_has_the_permissions_that_the_user_gives_to_new_files(tmp_path: Path) -> None:
    put(tmp_path / "a" / "b" / "new")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a" / "b" / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_written(exists: bool, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    if exists:
        (tmp_path / "there" / "file").write_text("old")
    (tmp_path / "middle").symlink_to("there/file")
    (tmp_path / "link").symlink_to("middle")
    put(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "middle").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == "new"
    assert names(tmp_path / "there") == ["file"]


@pytest.mark.parametrize("write", [put, put_folder])
def test_links_in_a_circle_are_an_error(write: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "a")
    assert names(tmp_path) == ["a", "b"]


def test_a_pipe_and_a_device_are_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    put(pipe, "new\n" * 50_000)
    reader.join()
    assert received == ["new\n" * 50_000] and stat.S_ISFIFO(pipe.stat().st_mode)
    put(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert names(tmp_path) == ["pipe"]


PRINTS = """
import sys
from pathlib import Path
from movierec_cli.files.csv_tables import write_csv
print("before")
write_csv(["a"], [["1"], ["2"]], Path(sys.argv[1]))
print("after")
"""


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "out"])
@pytest.mark.parametrize("mode", ["w", "a"])
def test_what_is_printed_to_the_same_file_is_neither_lost_nor_overwritten(
    name: str, mode: str, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("earlier\n")
    with (tmp_path / "out").open(mode) as out:
        target = name if name.startswith("/") else str(tmp_path / name)
        subprocess.run([sys.executable, "-c", PRINTS, target], stdout=out, check=True)
    earlier = "earlier\n" if mode == "a" else ""
    assert (tmp_path / "out").read_text() == f"{earlier}before\na\n1\n2\nafter\n"


def test_another_descriptor_is_written_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+") as out:
        print("before", file=out, flush=True)
        put(Path(f"/dev/fd/{out.fileno()}"), "new\n")
        print("after", file=out)
    assert (tmp_path / "out").read_text() == "before\nnew\nafter\n"


def test_a_file_in_a_folder_of_memory_is_replaced_like_any_other() -> None:
    target = Path(f"/dev/shm/movierec-{os.getpid()}") if Path("/dev/shm").is_dir() else None
    if target is not None:
        try:
            put(target, "first")
            put(target, "second")
            assert target.read_text() == "second"
        finally:
            target.unlink()


@pytest.mark.parametrize("act_on", [put, check_place])
def test_a_read_only_file_is_refused(
    act_on: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    Path("file").write_text("old")
    Path("file").chmod(0o444)

    def act() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        act_on(Path("file"))

    assert in_child(act) == errno.EACCES
    assert Path("file").read_text() == "old" and names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("place", "problem"), [(".", "a directory"), ("file/x", "Not a directory"), ("x" * 256, "too long")]
)
def test_what_cannot_be_a_file_is_refused(place: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=problem):
        put(tmp_path / place)
    if place != ".":  # a folder may come there
        with pytest.raises(OSError, match=problem):
            check_place(tmp_path / place)
    assert names(tmp_path) == ["file"]


def test_a_place_that_can_be_written_passes_the_check(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "not" / "yet", Path("/dev/null")):
        check_place(place)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", [LONG_NAME, "x" * 255, NO_UTF8, "line\nbreak", "-"])
def test_any_name_that_the_system_takes_can_be_written_and_replaced(name: str, tmp_path: Path) -> None:
    for content in ("first", "second"):
        put(tmp_path / name, content)
        put_folder(tmp_path / f"{name[:-1]}d", content)
    assert (tmp_path / name).read_text() == content_of(tmp_path / f"{name[:-1]}d") == "second"
    assert names(tmp_path) == sorted([name, f"{name[:-1]}d"])


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
@pytest.mark.parametrize("is_folder", [False, True])
def test_an_error_leaves_what_was_there_and_nothing_else(
    is_folder: bool, error: BaseException, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    (put_folder if is_folder else put)(target, "old")

    def break_off() -> None:
        with (written_folder if is_folder else written_whole)(target) as temporary:
            (temporary.mkdir if is_folder else temporary.touch)()
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert (content_of(target) if is_folder else target.read_text()) == "old"
    assert names(tmp_path) == ["target"]


# --- folders -------------------------------------------------------------------------------------------


def test_a_folder_that_is_replaced_is_exchanged_in_one_step(tmp_path: Path) -> None:
    put_folder(tmp_path / "run", "0")
    stop = threading.Event()

    def write() -> None:
        for turn in range(40):
            put_folder(tmp_path / "run", str(turn))
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    reads = 0
    while not stop.is_set():
        assert (tmp_path / "run").is_dir()
        reads += 1
    writer.join()
    assert reads > 40 and names(tmp_path) == ["run"]


def test_a_link_to_a_folder_stays(tmp_path: Path) -> None:
    put_folder(tmp_path / "there", "old")
    (tmp_path / "link").symlink_to("there")
    put_folder(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and content_of(tmp_path / "there") == "new"
    assert names(tmp_path) == ["link", "there"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_may_not_be_replaced_is_kept_beside(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "run"
    put_folder(target, "mine") if kind == "folder" else target.write_text("mine")
    put_folder(target, replaceable=lambda path: path.is_file())
    (kept,) = tmp_path.glob("run.damaged-*")
    assert (content_of(kept) if kind == "folder" else kept.read_text()) == "mine"
    assert content_of(target) == "new" and len(names(tmp_path)) == 2


@pytest.mark.usefixtures("without_exchange")
def test_a_process_killed_between_two_renames_loses_nothing(tmp_path: Path) -> None:
    between = 0
    for step in range(1, 20):
        directory = tmp_path / str(step)
        put_folder(directory / "run", "old")

        def act(countdown: int = step, directory: Path = directory) -> None:
            def die(event: str, args: tuple[object, ...]) -> None:
                nonlocal countdown
                if event in ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree"):
                    countdown -= 1
                    if countdown == 0:
                        os._exit(9)

            sys.addaudithook(die)
            put_folder(directory / "run")

        ended = in_child(act)
        between += not (directory / "run").exists()
        recover(directory)
        assert content_of(directory / "run") in ("old", "new")
        set_back(directory, ABANDONED_AFTER_S + 60)
        recover(directory)
        assert names(directory) == ["run"]
        if ended == 0:
            assert content_of(directory / "run") == "new" and between
            return
        assert ended == 9
    pytest.fail("it never ends")


@pytest.mark.usefixtures("without_exchange")
def test_an_interruption_between_two_renames_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_folder(tmp_path / "run", "old")
    rename = Path.rename

    def interrupted(source: Path, target: Path) -> Path:
        if ".old-" in target.name:
            rename(source, target)
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put_folder(tmp_path / "run")
    assert content_of(tmp_path / "run") == "old" and names(tmp_path) == ["run"]


@pytest.mark.usefixtures("without_exchange")
def test_a_name_too_long_to_be_taken_aside_is_refused_and_left(tmp_path: Path) -> None:
    put_folder(tmp_path / LONG_NAME, "old")
    with pytest.raises(OSError, match="too long"):
        put_folder(tmp_path / LONG_NAME)
    assert content_of(tmp_path / LONG_NAME) == "old" and names(tmp_path) == [LONG_NAME]


@pytest.mark.parametrize("system", ["tmp_path", "without_exchange"])
def test_several_writers_of_one_place_all_succeed(
    system: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(system)

    def write() -> None:
        for turn in range(15):
            put_folder(tmp_path / "run", f"{os.getpid()} {turn}")
            put(tmp_path / "file", f"{os.getpid()} {turn}\n" * 1000)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(in_child, [write] * 3)) == [0, 0, 0]
    assert content_of(tmp_path / "run").endswith(" 14")
    assert len(set((tmp_path / "file").read_text().splitlines())) == 1
    assert names(tmp_path) == ["file", "run"]


# --- what killed processes left -------------------------------------------------------------------------


def leftovers(directory: Path, state: str) -> list[Path]:
    """A file, a folder with a file inside, and a link, under names of this module."""
    file, folder, link = (directory / f".{name}.{state}-{TOKEN}" for name in ("file", NO_UTF8, "a.new-link"))
    file.write_text("half")
    folder.mkdir()
    (folder / "part").write_text("half")
    link.symlink_to(directory)
    return [file, folder, link]


def test_what_nobody_has_changed_for_a_day_is_deleted(tmp_path: Path) -> None:
    left = leftovers(tmp_path, "new")
    others = [
        tmp_path / name for name in (".git", f".x.new-{TOKEN[1:]}", f"x.new-{TOKEN}", f".x.neu-{TOKEN}")
    ]
    for other in others:
        other.mkdir()
    set_back(tmp_path, ABANDONED_AFTER_S - 600)
    recover(tmp_path)
    assert all(path.is_symlink() or path.exists() for path in left)
    set_back(tmp_path, ABANDONED_AFTER_S + 600)
    os.utime(left[1] / "part")  # somebody still writes in it
    recover(tmp_path)
    assert names(tmp_path) == sorted(path.name for path in [left[1], *others])


def test_what_was_on_its_way_out_is_deleted_at_once(tmp_path: Path) -> None:
    leftovers(tmp_path, "trash")
    recover(tmp_path)
    assert names(tmp_path) == []


def test_what_belongs_to_other_people_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for state in ("new", "trash", "old"):
        leftovers(tmp_path, state)
    set_back(tmp_path, 2 * ABANDONED_AFTER_S)
    before = names(tmp_path)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    recover(tmp_path)
    assert names(tmp_path) == before


def test_writing_beside_them_sweeps_leftovers(tmp_path: Path) -> None:
    for write in (put, put_folder):
        leftovers(tmp_path, "new")
        set_back(tmp_path, ABANDONED_AFTER_S + 600)
        write(tmp_path / write.__name__)
    assert names(tmp_path) == ["put", "put_folder"]


def test_what_went_to_a_pipe_is_swept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with written_whole(Path("/dev/null")) as content:
        (folder,) = tmp_path.iterdir()
        assert content.parent == folder and stat.S_IMODE(folder.stat().st_mode) == 0o700
        content.touch()
    assert names(tmp_path) == []
    leftovers(tmp_path, "new")
    set_back(tmp_path, ABANDONED_AFTER_S + 600)
    put(Path("/dev/null"))
    assert names(tmp_path) == []


def test_a_folder_taken_aside_comes_back_unless_there_is_a_newer_one(tmp_path: Path) -> None:
    put_folder(tmp_path / f".gone.old-{TOKEN}", "old")
    put_folder(tmp_path / f".replaced.old-{TOKEN}", "old")
    put_folder(tmp_path / "replaced")
    assert content_of(tmp_path / "gone") == "old" and content_of(tmp_path / "replaced") == "new"
    assert names(tmp_path) == ["gone", "replaced"]


@pytest.mark.parametrize("is_link", [False, True])
def test_a_removed_folder_is_gone_and_a_link_alone_is_removed(is_link: bool, tmp_path: Path) -> None:
    put_folder(tmp_path / "run", "old")
    (tmp_path / "link").symlink_to("run")
    remove_folder(tmp_path / ("link" if is_link else "run"))
    assert names(tmp_path) == ["run" if is_link else "link"]


def test_recovering_where_nothing_is_or_may_be_read_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "missing", tmp_path / "file"):
        recover(place)
    assert names(tmp_path) == ["file"]
