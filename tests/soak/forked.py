"""Commands in forks of this process, which has imported what is heavy: killed, or on a bad disk, or not."""

import contextlib
import errno
import mmap
import os
import resource
import select
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

KILLED = -signal.SIGKILL
STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree"}
MOST_S = 120.0  # of a command, on cores that others use as well
_LEAST_S = 0.002
_GRACE_S = 1.0  # for what a command started to end with it
_HOMES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "MOVIEREC_CACHE_DIR": "cache",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
    "XDG_DATA_HOME": "data",
}
OWN = ".own"  # the folder of these, in the one that a command runs in


def import_what_is_heavy() -> None:
    """Before the first fork; nothing is computed here, for threads do not live on in a fork."""
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    import tensorflow_recommenders  # noqa: F401


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
    left: tuple[int, ...]  # processes that were still there


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
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._output)
            os.setsid()
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

    def finished(self) -> Finished:
        """Waits for its end."""
        output = self._read()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        left = _in_session(self.pid)
        until = time.monotonic() + _GRACE_S
        while left and time.monotonic() < until:
            time.sleep(0.02)
            left = _in_session(self.pid)
        for one in left:
            os.kill(one, signal.SIGKILL)
        (n_steps,) = struct.unpack("q", self._steps)
        self._outside.seek(0)
        outside = tuple(dict.fromkeys(self._outside.read().splitlines()))
        self._outside.close()
        os.close(self._output)
        return Finished(self.command, code, output.decode("utf-8", "surrogateescape"), n_steps, outside, left)

    def _read(self) -> bytes:
        chunks = []
        while True:
            rest = MOST_S - (time.monotonic() - self._started)
            ready, _, _ = select.select([self._output], [], [], min(max(rest, 0), 0.2))
            if ready:
                if not (chunk := os.read(self._output, 1 << 16)):
                    return b"".join(chunks)
                chunks.append(chunk)
            elif rest <= 0:
                self.kill()
                return b"".join([*chunks, b"\nHANGS\n"])
            elif _is_zombie(self.pid):  # what it started may hold on to the pipe
                return b"".join(chunks)


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
    inside = (f"{folder}/", "/dev/", "/proc/")

    def watch(event: str, args: tuple[object, ...]) -> None:
        if event == "ctypes.dlsym":  # Python has no call that exchanges two folders
            is_step = args[1] == "renameat2"
        else:
            is_writing = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if not (event in STEPS or is_writing) or not isinstance(args[0], str | bytes | os.PathLike):
                return
            path = os.path.abspath(os.fsdecode(args[0]))
            is_step = path.startswith(inside[0])
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


def _in_session(session: int) -> tuple[int, ...]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry))
    return tuple(found)
