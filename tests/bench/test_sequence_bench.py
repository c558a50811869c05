"""What the benchmarks of sequences compute by themselves, against plain loops."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import SplitConfig, SplitKind
from movierec_cli.data.dataset import Ratings
from movierec_cli.data.split import Split
from movierec_cli.registry.record import EpochRecord, RunRecord
from tests.bench.rows import run_process
from tests.bench.sequence_epoch import in_order, tokens
from tests.bench.sequences import hit_rate_and_ndcg, in_batch_loss, minutes_of, minutes_to, reached
from tests.saved_runs import judged_run, run_config, run_record, top_k
from tests.small_dataset import small_dataset

N_USERS, N_MOVIES = 6, 30


def made_ratings() -> Ratings:
    """Users' ratings mixed in the file, many in one second, a user with one rating and one with two."""
    rng = np.random.default_rng(3)
    n = 80
    few = [N_USERS - 1, N_USERS - 2, N_USERS - 2]
    users = rng.permutation(np.concatenate([rng.integers(0, N_USERS - 2, n - len(few)), few]))
    return Ratings(
        user_index=users.astype(np.int32),
        movie_index=rng.integers(0, N_MOVIES, n).astype(np.int32),
        rating=np.full(n, 4.0, np.float32),
        timestamp=rng.integers(0, 12, n),
    )


def timeline(ratings: Ratings, user: int) -> list[int]:
    """The user's rows, the earliest first, as a person would sort them."""
    own = [row for row in range(len(ratings)) if ratings.user_index[row] == user]
    return sorted(own, key=lambda row: (ratings.timestamp[row], row))


def test_rectools_gets_each_users_movies_in_our_order() -> None:
    ratings = made_ratings()
    rows = np.arange(0, len(ratings), 2)
    columns = in_order(ratings, rows)
    assert sorted(columns["order"]) == list(range(len(rows)))
    for user in range(N_USERS):
        own = columns["user"] == user
        movies = columns["movie"][own][np.argsort(columns["order"][own])]
        line = [row for row in timeline(ratings, user) if row in rows]
        assert movies.tolist() == ratings.movie_index[line].tolist()


def test_every_training_movie_but_a_users_first_is_learned_from_its_past() -> None:
    dataset = small_dataset("1m")
    rows = np.arange(len(dataset.ratings))
    split = Split(train=rows[::3], validation=rows[1::3], test=rows[2::3])
    expected = 0
    for user in range(len(dataset.users)):
        n = int((dataset.ratings.user_index[split.train] == user).sum())
        expected += min(max(n - 1, 0), 2)
    assert tokens(dataset, split, 2) == expected > 0


def test_the_loss_of_a_batch_is_the_cross_entropy_of_its_own_positives() -> None:
    rng = np.random.default_rng(1)
    queries, movies = rng.normal(size=(2, 7, 3)).astype(np.float32)
    losses = []
    for batch in (range(3), range(3, 6), range(6, 7)):
        for i in batch:
            weights = [np.exp(float(queries[i] @ movies[j])) for j in batch]
            losses.append(-np.log(np.exp(float(queries[i] @ movies[i])) / sum(weights)))
    assert in_batch_loss(queries, movies, 3) == pytest.approx(np.mean(losses), rel=1e-6)


def record_of(hit_rates: list[float]) -> RunRecord:
    history = tuple(
        EpochRecord(
            epoch=place,
            train_loss=6.0,
            elapsed_s=60.0 * place,
            validation=replace(top_k(0.0), unseen={10: hit_rate}),
        )
        for place, hit_rate in enumerate(hit_rates, start=1)
    )
    return replace(run_record(), history=history, training_s=60.0 * len(hit_rates), validation_s=24.0)


def test_minutes_to_a_hit_rate_count_the_validations_until_then() -> None:
    record = record_of([0.1, 0.27, 0.281, 0.3])
    assert minutes_to(record, 0.28) == pytest.approx((180 + 24 * 3 / 4) / 60)
    assert minutes_of(record) == pytest.approx((240 + 24) / 60)


def test_trainings_that_never_reach_the_hit_rate_are_not_passed_over() -> None:
    good, bad = record_of([0.3]), record_of([0.1])
    assert reached([good, good]) == "validation HR@10 0.28 after 1.4 (1.4 … 1.4) min"
    assert reached([good, bad]) == "validation HR@10 0.28 after 1.4 min in 1 of 2 trainings"
    assert reached([bad]) == "validation HR@10 0.28 never"


def test_one_target_a_user_counts_by_its_place_among_unseen_movies(tmp_path: Path) -> None:
    config = replace(run_config("None"), split=SplitConfig(kind=SplitKind.LEAVE_LAST))
    run = judged_run(tmp_path, small_dataset("1m"), config)
    better = run.outcome.at_their_time.unseen.better
    hit_rate, ndcg = hit_rate_and_ndcg(run)
    assert hit_rate == pytest.approx(np.mean([place < 10 for place in better]))
    assert ndcg == pytest.approx(np.mean([1 / np.log2(place + 2) if place < 10 else 0 for place in better]))
    assert 0 < ndcg < hit_rate < 1


def test_a_process_is_measured_without_the_one_that_measures() -> None:
    ballast = np.ones(40_000_000)  # 305 MiB
    small = run_process([sys.executable, "-c", "print('done')"])
    large = run_process([sys.executable, "-c", "print(len(bytearray(200 * 2**20)))"])
    assert small.stdout == "done\n" and ballast[-1] == 1
    assert small.peak_mib < 100 < 200 < large.peak_mib < 300
    assert 0 < small.wall_s < 60
    with pytest.raises(SystemExit, match=r"(?s)ended with 3.*no way"):
        run_process([sys.executable, "-c", "import sys; sys.stderr.write('no way'); sys.exit(3)"])
