"""Trainings and lists in several processes and on a cluster of three nodes, whole and with kills; one table.

    python tests/bench/workers.py [equal] [kills] [lists] [--kills N] [--sets N] [--seeds N] [--epochs N]

`equal` trains six feature sets with two seeds and two SASRecs on the sample: in one process, with `--jobs 2`
and on the cluster; every array has to be the same. `kills` does the same with kill -9 of a worker, a node or
the command itself at random moments; the same command has to complete. `lists` recommends to the users of
simulated data on the cluster, and loses a node on the way. Nodes are processes of Ray's own `Cluster`, in a
network namespace of their own, so it needs Linux and Ray. An hour where nothing is given; nothing is kept.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from movierec_cli.registry.store import list_runs  # noqa: E402
from tests.bench.processes import PUBLISHED_SETS  # noqa: E402

INSIDE = "MOVIEREC_BENCH_NAMESPACE"


def trainings(n_sets: int = len(PUBLISHED_SETS), n_seeds: int = 2) -> tuple[tuple[str, ...], ...]:
    """Two commands: the first feature sets, and SASRec."""
    sets = [word for names in PUBLISHED_SETS[:n_sets] for word in ("--additional_feature_sets", *names)]
    seeds = ("--seeds", str(n_seeds))
    return ("train", *sets, *seeds), ("train", "--family", "sasrec", *seeds)


OBJECTS_BYTES = 200 << 20
N_NODES = 3
N_KILLED = 4  # trainings among which the kills are divided
PAUSE_S = (3.0, 25.0)  # between kills


def in_namespace() -> None:
    """Starts this program again where there is loopback alone: there, Ray's nodes find each other."""
    if INSIDE in os.environ:
        return
    os.environ[INSIDE] = "1"
    here = " ".join(f"'{one}'" for one in (sys.executable, *sys.argv))
    command = f"ip link set lo up && exec {here}"
    os.execvp("unshare", ["unshare", "--map-root-user", "--net", "sh", "-c", command])


class Nodes:
    """Three nodes of one core each; the first is the head, which is never killed."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        self._options = {"num_cpus": 1, "object_store_memory": OBJECTS_BYTES, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=self._options)
        self._others = [self._cluster.add_node(**self._options) for _ in range(N_NODES - 1)]
        self.address: str = self._cluster.address

    def workers(self) -> list[int]:
        """Process ids of those that do tasks."""
        raylets = {
            one.process.pid
            for node in (self._cluster.head_node, *self._others)
            for one in node.all_processes["raylet"]
        }
        return [pid for pid in children_of(raylets) if b"ray::work" in command_of(pid)]

    def lose_one(self) -> None:
        """Kills a node with all that it does; a new one takes its place."""
        self._cluster.remove_node(self._others.pop(0), allow_graceful=False)
        self._others.append(self._cluster.add_node(**self._options))

    def stop(self) -> None:
        self._cluster.shutdown()


def children_of(parents: set[int]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) in parents:
                found.append(int(entry.name))
    return found


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def peak_mib(pid: int) -> float:
    """The most memory that a process had for itself and in common with others."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines.get("VmHWM", "0 kB").split()[0]) / 1024


def started(arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    log = (folder / "printed.txt").open("ab")
    command = [sys.executable, "-m", "movierec_cli", *arguments, "--json", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)


def finished(arguments: Sequence[str], folder: Path) -> float:
    """The seconds that a command took; it has to succeed."""
    began = time.monotonic()
    if (code := started(arguments, folder).wait()) != 0:
        raise RuntimeError(f"{arguments}: exit {code}\n{(folder / 'printed.txt').read_text()[-3000:]}")
    return time.monotonic() - began


def arrays_of(folder: Path) -> dict[str, str]:
    """Digests of all files of all runs but their records, which tell times."""
    models = folder / "saved_models"
    return {
        str(path.relative_to(models)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(models.rglob("*.npz"))
    }


Commands = Sequence[tuple[str, ...]]


def trained(folder: Path, commands: Commands, *where: str) -> float:
    folder.mkdir()
    return sum(finished((*one, *where), folder) for one in commands)


def compare(name: str, reference: dict[str, str], found: dict[str, str], note: str) -> str:
    different = [one for one in reference | found if reference.get(one) != found.get(one)]
    for one in different[:20]:
        print(f"  {name}: {one} differs", file=sys.stderr)
    same = f"{len(reference) - len(different)} of {len(reference)} files of arrays equal"
    return f"| {name} | {same} | {note} |"


def measure_equal(work: Path, nodes: Nodes, commands: Commands) -> Iterator[str]:
    one = work / "one"
    seconds = trained(one, commands)
    reference = arrays_of(one)
    yield f"| one process | {len(reference)} files of arrays | {seconds:.0f} s |"
    for name, where in (("--jobs 2", ("--jobs", "2")), ("3 nodes", ("--cluster", nodes.address))):
        folder = work / name.replace(" ", "")
        took_s = trained(folder, commands, *where)
        note = f"{took_s:.0f} s, {took_s / seconds:.2f} of one process"
        yield compare(name, reference, arrays_of(folder), note)
        shutil.rmtree(folder)


def measure_kills(
    work: Path, nodes: Nodes, commands: Commands, n_kills: int, rng: random.Random
) -> Iterator[str]:
    """Kills until there were enough, some in each training, every second one on the cluster."""
    if not (one := work / "one").exists():
        trained(one, commands)
    reference = arrays_of(one)
    killed: Counter[str] = Counter()
    n_trainings, is_equal, problems = 0, True, []
    while killed.total() < n_kills:
        on_cluster = n_trainings % 2 == 0
        until = min(n_kills, killed.total() + max(1, n_kills // N_KILLED))
        folder = work / f"killed{n_trainings}"
        folder.mkdir()
        where = ("--cluster", nodes.address) if on_cluster else ("--jobs", "2")
        for command in commands:
            arguments = (*command, *where)
            code = None
            while code != 0:
                process = started(arguments, folder)
                code = _with_kills(process, nodes if on_cluster else None, until, killed, rng)
                if code not in (0, -signal.SIGKILL):
                    problems.append(f"exit {code}: {(folder / 'printed.txt').read_text()[-300:]}")
        found = arrays_of(folder)
        is_equal &= found == reference
        runs, damaged = list_runs(folder / "saved_models")
        if damaged or len(runs) != len({path.split("/")[0] for path in reference}):
            problems.append(f"{len(runs)} runs, {len(damaged)} of them damaged")
        n_trainings += 1
        print(f"  {n_trainings} trainings, {dict(killed)}", file=sys.stderr, flush=True)
        shutil.rmtree(folder)
    for one_problem in problems:
        print(f"  {one_problem}", file=sys.stderr)
    what = ", ".join(f"{n} × {name}" for name, n in sorted(killed.items()))
    equal = "every array equal" if is_equal else "ARRAYS DIFFER"
    kills = f"{killed.total()} kills in {n_trainings} trainings"
    yield f"| {kills}: {what} | {equal} | {len(problems)} problems |"


def _with_kills(
    process: subprocess.Popen[bytes],
    nodes: Nodes | None,
    until: int,
    killed: Counter[str],
    rng: random.Random,
) -> int:
    """The exit code of a command that loses something now and then."""
    while True:
        try:
            return process.wait(rng.uniform(*PAUSE_S))
        except subprocess.TimeoutExpired:
            pass
        if killed.total() >= until:
            return process.wait()
        kind = rng.choice(["worker", "node", "driver"] if nodes else ["worker", "worker", "driver"])
        if kind == "node" and nodes is not None:
            nodes.lose_one()
        elif kind == "driver":
            process.kill()
        else:
            pids = nodes.workers() if nodes else _spawned(process.pid)
            if not pids:
                continue
            os.kill(rng.choice(pids), signal.SIGKILL)
        killed[kind] += 1


def _spawned(pid: int) -> list[int]:
    return [one for one in children_of({pid}) if b"spawn_main" in command_of(one)]


def measure_lists(work: Path, nodes: Nodes, n_users: int) -> Iterator[str]:
    """The run is made of random embeddings: what is measured is scoring, ranking and writing."""
    from tests.bench.simulated_run import simulated_run

    run = simulated_run(work / "saved_models", n_users)
    recommend = ("recommend", "--model", run.record.name, "--users", "all", "--top", "100")
    whole = finished((*recommend, "--parts", "whole"), work)
    process = started((*recommend, "--parts", "parts", "--cluster", nodes.address), work)
    peaks: Counter[int] = Counter()
    is_lost = False
    began = time.monotonic()
    while process.poll() is None:
        for pid in nodes.workers():
            peaks[pid] = max(peaks[pid], round(peak_mib(pid)))
        if not is_lost and any((work / "parts").glob("part-*")):
            nodes.lose_one()
            is_lost = True
        time.sleep(0.05)
    took_s = time.monotonic() - began
    manifests = [json.loads((work / one / "manifest.json").read_text()) for one in ("whole", "parts")]
    is_same = manifests[0] == manifests[1]
    n_rows = sum(part["n_rows"] for part in manifests[1]["parts"])
    lost = "one lost on the way" if is_lost else "NONE LOST"
    yield (
        f"| lists of 100 for {n_users:,} users, 3 nodes, {lost} | exit {process.returncode}, {n_rows:,} rows,"
        f" {'equal to' if is_same else 'DIFFERENT FROM'} one process's | {took_s:.0f} s against"
        f" {whole:.0f} s; at most {max(peaks.values(), default=0):,} MiB a worker |"
    )


@contextmanager
def folders() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], "equal", "kills", "lists"], metavar="NAME")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sets", type=int, default=len(PUBLISHED_SETS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="of the kills")
    arguments = parser.parse_args()
    in_namespace()
    names = arguments.names or ["equal", "kills", "lists"]
    rng = random.Random(arguments.seed)
    common = ("--dataset", "sample", "--num_epochs", str(arguments.epochs))
    commands = [(*one, *common) for one in trainings(arguments.sets, arguments.seeds)]
    print("| what | result | |\n|---|---|---|", flush=True)
    with folders() as work:
        nodes = Nodes()
        try:
            if "equal" in names:
                for row in measure_equal(work, nodes, commands):
                    print(row, flush=True)
            if "kills" in names:
                for row in measure_kills(work, nodes, commands, arguments.kills, rng):
                    print(row, flush=True)
            if "lists" in names:
                for row in measure_lists(work, nodes, arguments.users):
                    print(row, flush=True)
        finally:
            nodes.stop()


if __name__ == "__main__":
    main()
