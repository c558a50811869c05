"""The trials on disk: what is written is read, and what cannot be trials is refused."""

import itertools
from pathlib import Path

import pytest

from movierec_cli.config.search_space import dimension
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trial_ledger import FOLDER, like, opened, search_name
from movierec_cli.experiment.trials import Outcome, Trial, TrialState
from tests.all_tests import needs

needs("optuna")

SPACE = {
    "learning_rate": dimension("learning_rate", "0.001..0.1:log"),
    "layer_sizes": dimension("layer_sizes", "64,128+64"),
}
IDENTITY = {"data": ["f"], "space": {"learning_rate": "0.001..0.1:log"}}
NAME = search_name("100k-two-tower", IDENTITY)
VALUES = {"learning_rate": 0.01, "layer_sizes": "128 64"}
TRIALS = [
    Trial(
        number=0,
        values=VALUES,
        outcome=Outcome(
            state=TrialState.FINISHED, score=0.3, epoch=10, curve=((5, 0.2), (10, 0.3)), seconds=1.5
        ),
    ),
    Trial(
        number=1,
        values=VALUES,
        outcome=Outcome(state=TrialState.PRUNED, curve=((5, 0.1),), seconds=0.5),
    ),
    Trial(number=2, values=VALUES, outcome=Outcome(state=TrialState.FAILED, seconds=0.1, problem="diverged")),
]


def written(folder: Path) -> Path:
    with opened(folder, NAME, IDENTITY, SPACE) as ledger:
        for trial in TRIALS:
            ledger.add(trial)
        ledger.keep_score(0, 0, 0.25)
        ledger.keep_score(0, 1, None)
        ledger.keep_tested("run")
        return ledger.file


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    with opened(tmp_path, NAME, IDENTITY, SPACE) as ledger:
        assert ledger.trials == TRIALS
        assert (ledger.score_of(0, 0), ledger.score_of(0, 1)) == (0.25, None)
        assert [ledger.has_score(0, seed) for seed in range(3)] == [True, True, False]
        assert ledger.tested == ["run"]


def test_wherever_a_line_was_cut_the_whole_trials_before_it_are_read(tmp_path: Path) -> None:
    file = written(tmp_path)
    content = file.read_bytes()
    starts = [place for place in range(1, len(content)) if content[place - 1 : place] == b"\n"]
    for start, end in itertools.pairwise(starts[1:4]):  # within the lines of trials 0 and 1
        for cut in (start, start + 1, (start + end) // 2, end - 1):
            file.write_bytes(content[:cut])
            with opened(tmp_path, NAME, IDENTITY, SPACE) as ledger:
                n_whole = starts.index(start) - 1
                assert ledger.trials == TRIALS[:n_whole]
                ledger.add(TRIALS[n_whole])
            with opened(tmp_path, NAME, IDENTITY, SPACE) as ledger:
                assert ledger.trials == TRIALS[: n_whole + 1]


def test_two_do_not_work_on_one_search(tmp_path: Path) -> None:
    with (
        opened(tmp_path, NAME, IDENTITY, SPACE),
        pytest.raises(MovierecError, match="another process works on this search"),
        opened(tmp_path, NAME, IDENTITY, SPACE),
    ):
        pass


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "no journal\n" + text,
        lambda text: text.replace('"epoch":10', '"epoch":"x"'),
        lambda text: text.replace('"state":"finished"', '"state":"won"'),
        lambda text: text.replace('"values":{"learning_rate":0.01', '"values":{"learning_rate":7'),
        lambda text: text.replace('"user_attrs":{"outcome"', '"user_attrs":{"other"'),
        lambda text: text.replace('"value":0.3', '"value":null'),
        lambda text: '{"op_code":99}\n' + text,
        lambda text: "[]\n",
    ],
)
def test_what_can_be_no_trials_is_refused(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    file = written(tmp_path)
    text = file.read_text("utf-8")
    assert damage(text) != text
    file.write_text(damage(text), "utf-8")
    with (
        pytest.raises(MovierecError, match="delete it, and the search begins anew"),
        opened(tmp_path, NAME, IDENTITY, SPACE),
    ):
        pass


def test_other_searches_of_the_family_are_found(tmp_path: Path) -> None:
    written(tmp_path)
    other = search_name("100k-two-tower", {"data": ["g"]})
    assert like(tmp_path, other, "100k-two-tower") == [(IDENTITY, 3)]
    assert like(tmp_path, NAME, "100k-two-tower") == []
    assert like(tmp_path, "100k-hybrid-x", "100k-hybrid") == []
    (tmp_path / FOLDER / f"{NAME}.journal").write_text("{", "utf-8")
    assert like(tmp_path, other, "100k-two-tower") == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(MovierecError, match="the trials cannot be kept"),
        opened(tmp_path / "file", NAME, IDENTITY, SPACE),
    ):
        pass
