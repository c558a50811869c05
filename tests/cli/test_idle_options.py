"""Options that could have no effect are refused with the reason; and CSV that is safe in a spreadsheet."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data import load
from movierec_cli.data.dataset import Dataset
from movierec_cli.files.csv_tables import as_csv
from tests.cli.running import check_row, rows, run
from tests.saved_runs import judged_run, multi_task_config, sequence_config
from tests.small_dataset import small_dataset

pytestmark = pytest.mark.usefixtures("fake_trainings")

FORMULAS = ("=1+1", "+1 x", "-1 x", "@SUM(A1)", "\t=1", "Heat")


IDLE = """
2 | train --dataset sample --archive a.zip | --dataset has no effect here: --archive is the data set
2 | evaluate --dataset sample --archive a.zip | --dataset has no effect here
2 | doctor --dataset sample --archive a.zip | --dataset has no effect here
2 | data lengths --dataset sample --archive a.zip | --dataset has no effect here
2 | train --split leave-last --validation_fraction 0.1 | --validation_fraction has no effect here: --split
2 | train --family sasrec --test_fraction 0.1 | --test_fraction has no effect here: --split leave-last
2 | evaluate --split leave-last --test_fraction 0.1 | --test_fraction has no effect here
2 | doctor --split leave-last --test_fraction 0.1 | --test_fraction has no effect here
2 | train --split u1 --test_fraction 0.1 | --test_fraction has no effect here: the data say what the test
2 | evaluate --split given --test_fraction 0.1 | --test_fraction has no effect here: the data say what
2 | train --folds 3 --test_fraction 0.1 | --test_fraction has no effect here: with --folds N
2 | doctor --folds 3 --test_fraction 0.1 | --test_fraction has no effect here: with --folds N
2 | train --include_seen | --include_seen has no effect here: nothing is recommended; add --generate
2 | train --rank_by blend --tasks retrieval rating | --rank_by has no effect here: nothing is recommended
2 | train --family sasrec --windows --whole_history | --whole_history has no effect here: --windows
2 | train --family sasrec --loss catalogue --num_negatives 3 | --num_negatives has no effect here
2 | train --imdb_titles NOPE | --imdb_titles has no effect here: no model sees movie_length
2 | train --movie_lengths NOPE --additional_feature_sets timestamp | --movie_lengths has no effect here
2 | train --dataset sample --imdb_titles NOPE | --imdb_titles has no effect here: the sample has lengths
2 | doctor --movie_lengths NOPE | --movie_lengths has no effect here: no model sees movie_length
2 | data lengths --dataset sample --imdb_titles NOPE | --imdb_titles has no effect here: the sample has
2 | data fetch 1m 100k --url http://127.0.0.1:9/x | --url has no effect here: it is of one data set
2 | recommend --user 1 --csv_safe | --csv_safe has no effect here: no CSV is written; add --csv FILE
2 | recommend --users all --json --csv_safe | --csv_safe has no effect here
2 | recommend --user 1 --parts lists | --parts has no effect here: it is for the lists of many users; add
2 | recommend --users all --shard 1/2 | --shard has no effect here: it is for lists in parts; add --parts
2 | recommend --users all --jobs 2 | --jobs has no effect here: it is for lists in parts; add --parts
2 | recommend --users all --cluster auto | --cluster has no effect here: it is for lists in parts
2 | recommend --users all --parts lists --shard 1/2 --jobs 2 | --jobs has no effect here: --shard is one part
2 | recommend --users all --parts lists --csv a.csv | --csv has no effect here: --parts are Parquet files
2 | train --family sasrec --max_failures 2 | --max_failures has no effect here: each model is trained in one
2 | train --coordinator a:7000 --process_id 0 | --coordinator has no effect here: each model is trained in
2 | train --family sasrec --processes 2 --jobs 2 | --jobs has no effect here: --processes
2 | train --family sasrec --processes 2 --cluster auto | --cluster has no effect here
2 | train --top_k 5 --top-k 6 | --top_k and --top-k are the same option; give it once
2 | train -o a.html --plot b.html | -o and --plot are the same option; give it once
2 | train --refit --no-refit | --refit and --no-refit are the same option; give it once
"""


@pytest.mark.parametrize("row", rows(IDLE))
def test_an_option_without_effect_is_refused_with_the_reason(row: str) -> None:
    check_row(row)


def formula_dataset() -> Dataset:
    source = small_dataset("sample")
    titles = [f"{FORMULAS[row % len(FORMULAS)]} {title}" for row, title in enumerate(source.movies.title)]
    return replace(source, movies=replace(source.movies, title=np.array(titles, object)))


@pytest.mark.parametrize(
    "line",
    [
        "recommend --user 1 --top 40 --csv out.csv",
        "recommend --users 1 2 --top 40 --csv out.csv",
        "similar id:105 --top 40 --csv out.csv",
        f"predict --user 1 --csv out.csv {' '.join(f'--movie id:{number}' for number in range(100, 140))}",
        "data lengths --dataset sample --csv out.csv",
    ],
)
def test_no_title_is_a_formula_on_request(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = formula_dataset()
    monkeypatch.setattr(load, "load_dataset", lambda *_, **__: dataset)
    config = multi_task_config() if line.startswith("predict") else sequence_config()
    judged_run(Path("saved_models"), dataset, config)
    titles = {}
    for safe in ("", " --csv_safe"):
        assert run(f"{line}{safe}").exit_code == 0
        with Path("out.csv").open(encoding="utf-8", newline="") as file:
            titles[safe] = {row["movie_id"]: row["title"] for row in csv.DictReader(file)}
        Path("out.csv").unlink()
    plain, safe_titles = titles.values()
    assert len(plain) > 10 and set(plain.values()) <= set(dataset.movies.title)
    starts = tuple("=+-@\t")
    assert safe_titles == {
        movie: f"'{title}" if title.startswith(starts) else title for movie, title in plain.items()
    }


def test_numbers_stay_numbers() -> None:
    rows = [
        (-1, "-1.5", "+.5", "=2", "-1-1", "@a", "\rx", ""),
        (0.5, "-", "2-3", "x=1", "'=", "-1e", "+", "-0"),
    ]
    first, second = as_csv("abcdefgh", rows, safe=True).splitlines()[1:]
    assert first == "-1,-1.5,+.5,'=2,'-1-1,'@a,' x,"
    assert second == "0.5,'-,2-3,x=1,'=,'-1e,'+,-0"
