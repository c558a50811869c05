"""Commands in forks of this process, which has imported what is heavy: killed, or on a bad disk, or not."""

import contextlib
import ctypes
import errno
import gc
import importlib
import mmap
import os
import pkgutil
import re
import resource
import select
import signal
import struct
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

KILLED = -signal.SIGKILL
STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree"}
MOST_S = 900.0  # of a command, on cores that others use as well
_LEAST_S = 0.002
_GRACE_S = 150.0  # for what a command started to end with it; two agents of Ray take a minute
_WORKER = ("spawn_main", "ray::")  # in the command line of a process that does tasks for another
_HOMES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "MOVIEREC_CACHE_DIR": "cache",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
    "XDG_DATA_HOME": "data",
}
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_MARK = "MOVIEREC_SOAK"  # a variable in the environment of what a command starts
OWN = ".own"  # the folder of these, in the one that a command runs in


def import_what_is_heavy(*, with_engines: bool = True) -> None:
    """Before the first fork; nothing is computed here, for threads do not live on in a fork.

    Args:
        with_engines: also what trains. Else a command that trains imports it itself.
    """
    # JAX and Python warn of each fork.
    warnings.filterwarnings("ignore", message=".*os.fork", category=RuntimeWarning)
    warnings.filterwarnings("ignore", message=".*use of fork", category=DeprecationWarning)
    with _without("polars", *(() if with_engines else ("tensorflow", "keras", "jax"))):
        if with_engines:
            from movierec_cli.models.sequential.engine import start_keras
            from movierec_cli.models.tensorflow_start import start_tensorflow

            start_tensorflow()
            import tensorflow_recommenders  # noqa: F401

            start_keras()
        _import_all("movierec_cli")
    gc.freeze()  # what the forks share is then not looked through by each


@contextlib.contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Whoever imports these fails. Polars, for one, starts threads when it is imported."""
    absent = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _import_all(package: str) -> None:
    """A fork need not import again what is imported here."""
    for one in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not one.name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(one.name)


@dataclass(frozen=True)
class Disturbance:
    """What happens to a command."""

    kill_at_step: int = 0  # before this step on files, from 1; 0: never
    kill_after_s: float = 0.0
    error_from_step: int = 0  # from this step on every step on files fails
    error: int = errno.ENOSPC
    most_file_bytes: int | None = None  # no file gets longer


UNDISTURBED = Disturbance()


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    command: str
    code: int
    output: str
    n_steps: int  # on files
    outside: tuple[str, ...]  # what it wrote to beside its folder
    left: tuple[str, ...]  # processes that were still there


class Running:
    """A command that was started."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        disturbed: Disturbance = UNDISTURBED,
        patch: Callable[[], object] = lambda: None,
    ) -> None:
        """Starts it.

        Args:
            command: its arguments.
            folder: where it runs.
            disturbed: what happens to it.
            patch: is called in its process before it begins.
        """
        self.command = " ".join(command)
        self._steps = mmap.mmap(-1, 8)
        self._outside = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._output, write = os.pipe()
        self._started = time.monotonic()
        self._folder = folder
        self._said = b""
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._output)
            os.setsid()
            ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
            for stream in (1, 2):
                os.dup2(write, stream)
            _become(
                command, folder, lambda: _watch(folder, disturbed, self._steps, self._outside.fileno(), patch)
            )
        os.close(write)
        if disturbed.kill_after_s:
            timer = threading.Timer(disturbed.kill_after_s, self.kill)
            timer.daemon = True
            timer.start()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def said(self, pattern: bytes) -> re.Match[bytes] | None:
        """Waits until it prints something; None where it ends or hangs without."""
        while (found := re.search(pattern, self._said)) is None and self._reads_on():
            pass
        return found

    def kill_worker(self, number: int) -> bool:
        """Kills one of the processes that do tasks for it, if there is any."""
        started = _started_in(self._folder)
        workers = [one for one in started if any(name in _words_of(one) for name in _WORKER)]
        for one in workers[number % len(workers) :][:1] if workers else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        return bool(workers)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return _is_zombie(self.pid)

    def finished(self) -> Finished:
        """Waits for its end."""
        while self._reads_on():
            pass
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        left = self._left()
        until = time.monotonic() + _GRACE_S
        while left and time.monotonic() < until:
            time.sleep(0.02)
            left = self._left()
        told = tuple(f"{one} {_words_of(one)}" for one in left)
        for one in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        (n_steps,) = struct.unpack("q", self._steps)
        self._outside.seek(0)
        outside = tuple(dict.fromkeys(self._outside.read().splitlines()))
        self._outside.close()
        os.close(self._output)
        output = self._said.decode("utf-8", "surrogateescape")
        return Finished(self.command, code, output, n_steps, outside, told)

    def _left(self) -> list[int]:
        """Processes of its session, or that it started in others."""
        return sorted({*_in_session(self.pid), *_started_in(self._folder, self.pid)})

    def _reads_on(self) -> bool:
        """Waits a little for what it prints; False at its end."""
        rest = MOST_S - (time.monotonic() - self._started)
        ready, _, _ = select.select([self._output], [], [], min(max(rest, 0), 0.2))
        if ready:
            chunk = os.read(self._output, 1 << 16)
            self._said += chunk
            return bool(chunk)
        if rest <= 0:
            self.kill()
            self._said += b"\nHANGS\n"
            return False
        return not self.is_over  # what it started may hold on to the pipe


def run(
    command: Sequence[str],
    folder: Path,
    disturbed: Disturbance = UNDISTURBED,
    patch: Callable[[], object] = lambda: None,
) -> Finished:
    """Runs a command to its end."""
    return Running(command, folder, disturbed, patch).finished()


def killed(
    command: Sequence[str],
    folder: Path,
    disturbed: Disturbance,
    patch: Callable[[], object] = lambda: None,
) -> Finished:
    """Runs a command that is to be killed; where it is through before that, again and killed earlier."""
    found = run(command, folder, disturbed, patch)
    while found.code != KILLED and (disturbed.kill_at_step > 1 or disturbed.kill_after_s > _LEAST_S):
        disturbed = replace(
            disturbed,
            kill_at_step=min(disturbed.kill_at_step - 1, found.n_steps),
            kill_after_s=0.6 * disturbed.kill_after_s,
        )
        found = run(command, folder, disturbed, patch)
    return found


def _become(arguments: Sequence[str], folder: Path, prepare: Callable[[], object]) -> None:
    code: object = 1
    try:
        os.chdir(folder)
        for name, place in _HOMES.items():
            (path := folder / OWN / place).mkdir(parents=True, exist_ok=True)
            os.environ[name] = str(path)
        os.environ["COLUMNS"] = "100"
        os.environ[_MARK] = f"{os.getpid()} {folder}"
        sys.modules["__main__"] = types.ModuleType("__main__")  # which started processes would import
        tempfile.tempdir = None
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.argv = ["movierec", *arguments]
        from movierec_cli.cli.program import main

        prepare()
        main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _watch(
    folder: Path, disturbed: Disturbance, counter: mmap.mmap, outside: int, patch: Callable[[], object]
) -> None:
    """Counts this process' steps on the folder's files, disturbs them, notes what is written elsewhere."""
    patch()
    if disturbed.most_file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disturbed.most_file_bytes,) * 2)
    inside, temporary = (f"{folder}/", "/dev/", "/proc/"), f"{folder}/{OWN}/{_HOMES['TMPDIR']}"

    def watch(event: str, args: tuple[object, ...]) -> None:
        if event == "ctypes.dlsym":  # Python has no call that exchanges two folders
            is_step = args[1] == "renameat2"
        else:
            is_writing = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if not (event in STEPS or is_writing) or not isinstance(args[0], str | bytes | os.PathLike):
                return
            path = os.path.abspath(os.fsdecode(args[0]))
            # a full disk is not the one of what is temporary
            is_step = path.startswith(inside[0]) and not path.startswith(temporary)
            if not path.startswith(inside) and path != str(folder):
                os.write(outside, f"{event} {path}\n".encode(errors="backslashreplace"))
        if not is_step:
            return
        (n,) = struct.unpack("q", counter)
        counter[:] = struct.pack("q", n + 1)
        if n + 1 == disturbed.kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)
        if 0 < disturbed.error_from_step <= n + 1:
            raise OSError(disturbed.error, os.strerror(disturbed.error), str(args[0]))

    sys.addaudithook(watch)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _in_session(session: int) -> list[int]:
    found = []
    for pid in _processes():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(pid)
    return found


def _started_in(folder: Path, by: int | str = "[0-9]+") -> list[int]:
    """What commands in a folder have started, also in sessions of their own."""
    mark = re.compile(rf"(^|\0){_MARK}={by} {re.escape(str(folder))}(\0|$)".encode())
    return [pid for pid in _processes() if mark.search(_content(f"/proc/{pid}/environ"))]


def _words_of(pid: int) -> str:
    return _content(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:  # it has just ended, or is somebody else's
        return b""
