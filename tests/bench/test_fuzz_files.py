from tests.bench.fuzz_files import campaign


def test_damaged_files_end_in_an_answer_or_an_error_that_names_the_line() -> None:
    tallies, failures, _ = campaign(150, seed=1)
    assert failures == []
    n_errors = sum(one.n_with_line for one in tallies.values())
    assert n_errors > 20
    assert sum(one.n_named for one in tallies.values()) > 0.8 * n_errors
