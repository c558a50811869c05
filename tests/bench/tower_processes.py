"""What `tf.distribute` would bring to two towers: a step of one process, and of two that share it.

    python -m tests.bench.tower_processes

A step is that of the default model: embeddings of 128 of users and movies, a layer of 64, an item bias, 512
users against all movies, Adam. Its gradient of the users' table is sparse (IndexedSlices), the others are
dense. Two processes take 256 users each under `MultiWorkerMirroredStrategy`, with one thread each where one
process has two.
"""

import json
import multiprocessing
import os
import socket
import statistics
import time
from typing import Any

SIZES = ((6_040, 3_706), (100_000, 20_000))  # users and movies: MovieLens 1M, and about 20M
USERS_PER_STEP, EMBEDDING, LAYER = 512, 128, 64
STEPS, WARM_UP = 10, 2


def step_ms(rank: int, ports: list[int], n_users: int, n_movies: int, found: Any) -> None:
    """Puts the median milliseconds of a step and those of a core into a queue; each process calls it."""
    size = len(ports)
    os.environ["TF_USE_LEGACY_KERAS"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "1", "3"
    if size > 1:
        workers = [f"127.0.0.1:{port}" for port in ports]
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": rank}}
        )
    import tensorflow as tf
    import tf_keras

    tf.config.threading.set_intra_op_parallelism_threads(2 // size)
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if size > 1 else tf.distribute.get_strategy()
    with strategy.scope():
        initial = tf.random_normal_initializer(stddev=0.05, seed=1)
        users = tf.Variable(initial((n_users, EMBEDDING)))
        movies = tf.Variable(initial((n_movies, EMBEDDING)))
        kernels = [tf.Variable(initial((EMBEDDING, LAYER))) for _ in range(2)]
        bias = tf.Variable(tf.zeros(n_movies))
        optimizer = tf_keras.optimizers.Adam(0.01)
        variables = [users, movies, *kernels, bias]
        optimizer.build(variables)

    def of_replica(rows: tf.Tensor, targets: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            queries = tf.gather(users, rows) @ kernels[0]
            scores = queries @ tf.transpose(movies @ kernels[1]) + bias  # [users, n_movies]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, scores)
            loss = tf.reduce_sum(losses) / USERS_PER_STEP
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    @tf.function(autograph=False)
    def step(rows: tf.Tensor, targets: tf.Tensor) -> None:
        strategy.run(of_replica, (rows, targets))

    generator = tf.random.Generator.from_seed(rank)
    seconds, core_s = [], []
    for _ in range(WARM_UP + STEPS):
        shape = (USERS_PER_STEP // size,)
        rows = generator.uniform(shape, 0, n_users, tf.int32)
        targets = generator.uniform(shape, 0, n_movies, tf.int32)
        began, core_began = time.perf_counter(), time.process_time()
        step(rows, targets)
        bias.numpy()  # waits for the step
        seconds.append(time.perf_counter() - began)
        core_s.append(time.process_time() - core_began)
    found.put((1e3 * statistics.median(seconds[WARM_UP:]), 1e3 * statistics.median(core_s[WARM_UP:])))


def measured_ms(size: int, n_users: int, n_movies: int) -> tuple[float, float]:
    """Milliseconds of a step that so many processes share, and those of all cores together."""
    context = multiprocessing.get_context("spawn")
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(size)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    found = context.Queue()
    processes = [
        context.Process(target=step_ms, args=(rank, ports, n_users, n_movies, found)) for rank in range(size)
    ]
    for one in processes:
        one.start()
    steps = [found.get(timeout=900) for _ in processes]
    for one in processes:
        one.join(60)
        one.kill()
    return max(wall for wall, _ in steps), sum(core for _, core in steps)


def main() -> None:
    print("| users × movies | one process, two threads | two processes, one thread each | speed-up |")
    print("|---|---|---|---|")
    for n_users, n_movies in SIZES:
        (one, one_core), (two, two_core) = (measured_ms(size, n_users, n_movies) for size in (1, 2))
        cells = (f"{n_users:,} × {n_movies:,}", *(_cell(*one) for one in ((one, one_core), (two, two_core))))
        print(f"| {' | '.join(cells)} | {one / two:.2f} |", flush=True)


def _cell(wall_ms: float, core_ms: float) -> str:
    return f"{wall_ms:.0f} ms ({core_ms:.0f} ms of cores)"


if __name__ == "__main__":
    main()
