"""What `movierec check-plugin` says of entries that do not do what they must, and what else goes on."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import FEATURES, Family, FeatureSet, SplitConfig
from movierec_cli.config.entry_points import EntryKind, PluginError, names_of
from movierec_cli.config.families import baseline
from movierec_cli.config.features import feature_named
from movierec_cli.config.setting import settings_of
from movierec_cli.config.train_options import Judging
from movierec_cli.contract.claims import broken
from movierec_cli.contract.family_contract import check_family
from movierec_cli.contract.feature_contract import check_feature
from movierec_cli.contract.layout_contract import check_layout
from movierec_cli.contract.metric_contract import check_metric
from movierec_cli.data.sample import simulate_sample
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import METRICS, Metric, deciding_metric, metric_named, parse_metric
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.registry.record import RunConfig
from movierec_cli.storage.serialization import canonical_json, encode
from tests.cli.running import run, words
from tests.contract.own_packages import own_package as own_package
from tests.small_dataset import small_dataset

SAMPLE = simulate_sample()
SPLIT = SplitConfig()

# --- metrics ------------------------------------------------------------------------------------------


def hits(outcome: Outcome, k: int, *, ties: str) -> np.ndarray:
    """The number of hits at k over k, in wrong ways where movies score the same."""
    ranks = outcome.in_one_list
    place = ranks.better if ties == "best" else ranks.better + ranks.tied - 1
    return np.bincount(outcome.user_place, place < k, len(outcome.users)) / k


RECALL, NDCG, AUC = (METRICS[name].values for name in ("recall", "ndcg", "auc"))
BROKEN_METRICS: dict[str, Callable[[Outcome, int], Any]] = {
    "where movies score the same, it is the mean over their": partial(hits, ties="best"),
    "it is the mean over their orders: at k = 1 it gives": partial(hits, ties="worst"),
    "float64.*: its values are float64$|of 30 users it gives": lambda *of: RECALL(*of)[:-1],
    "its values are list": lambda *of: RECALL(*of).tolist(),
    "its values are float32": lambda *of: RECALL(*of).astype(np.float32),
    r"from 0 to 1: at k = \d+ it gives \[\d": lambda *of: 2 * RECALL(*of),
    r"from 0 to 1: at k = 1 it gives \[nan": lambda *of: NDCG(*of) * np.nan,
    "it rises where a movie that was chosen falls": lambda *of: 1 - AUC(*of),
    "the best list has 0, and so has the worst": lambda *of: 0 * AUC(*of),
    "on the others: at k = 1 a user's value": lambda *of: RECALL(*of) / max(RECALL(*of).sum(), 1),
    "ZeroDivisionError: division by zero": lambda *of: 1 / 0,
    "a warning: RuntimeWarning: Mean of empty slice": lambda *of: AUC(*of) + 0 * AUC(*of).mean(),
}
"""By words of what is said."""


@pytest.mark.parametrize("said", BROKEN_METRICS)
def test_a_metric_that_breaks_the_contract(said: str) -> None:
    found = broken(check_metric(Metric(BROKEN_METRICS[said])))
    assert any(re.search(said, one) for one in found), found


# --- features -----------------------------------------------------------------------------------------

FEATURE = """
import numpy as np
from movierec_cli.plugins import {names}

def fit(dataset, rows):
    {fit}

def encode(vocabulary, dataset):
    {encode}

def code(vocabulary, users, seconds):
    {code}

ENCODING = Encoding(fit, encode{more})
OWN = Feature("own", "Own.", {side}, encoding="own_module:{encoding}", column="{column}")
"""
NAMES = "BagInput, CategoryInput, Encoding, Feature, Kind, NumberInput, Side"
SOUND = {
    "names": NAMES,
    "fit": "return {}",
    "encode": "return (CategoryInput(np.zeros(len(dataset.movies), np.int32), 1),)",
    "code": "return (seconds // 10**8 % 9).astype(np.int32)",
    "more": "",
    "side": "Side.MOVIE",
    "encoding": "ENCODING",
    "column": "",
}
NINE = "return (CategoryInput(np.arange(9, dtype=np.int32), 9),)"
CONTEXT = {"side": "Side.CONTEXT", "more": ", code", "encode": NINE}
OWN = {"features": {"own": "own_module:OWN"}}


def own_feature(**changes: str) -> str:
    return FEATURE.format(**(SOUND | changes))


@pytest.mark.parametrize("changes", [{}, CONTEXT])
def test_a_feature_that_meets_the_contract(own_package, changes: dict[str, str]) -> None:
    own_package("shop", OWN, own_module=own_feature(**changes))
    assert broken(check_feature(feature_named("own"), SAMPLE)) == []


BROKEN_FEATURES = """
fit | return {"all": int(dataset.ratings.timestamp.max())} | on training rows alone: it is another
fit | return {"year": dataset.movies.year.max()} | no JSON form: Object of type int16
fit | return {1: 2} | what it is fitted to is another as JSON
fit | return [] | fitted to a list, not a dict
fit | return {"x": np.random.default_rng().random()} | fitted again to the same, it is another
fit | return dataset.movies.titles | own' of package shop 1.0 cannot be fitted: AttributeError:
encode | return CategoryInput(np.zeros(len(dataset.movies), np.int32), 1) | not to a tuple of inputs
encode | return () | encoded to tuple (), not to a tuple of inputs
encode | return (dataset.movies.year,) | it must be CategoryInput, BagInput or NumberInput
encode | return (CategoryInput(np.zeros(3, np.int32), 1),) | its CategoryInput has 3 rows, not
encode | return (CategoryInput(np.zeros(len(dataset.movies)), 1),) | are float64, not int32
encode | return (CategoryInput(np.ones(len(dataset.movies), np.int32), 1),) | is [1], and its size is 1
encode | return (NumberInput(dataset.movies.length_minutes[:, None]),) | of its numbers are not finite
encode | return (NumberInput(np.zeros(len(dataset.movies), np.float32)),) | not float32 [
side | Side.HISTORY | its side is Side.HISTORY, and it can be Side.USER, Side.CONTEXT, Side.MOVIE
column | movies.budget | 'own' of package shop 1.0 needs the column 'movies.budget', and no
encoding | NOTHING | its encoding 'own_module:NOTHING' cannot be imported
encoding | fit | its encoding 'own_module:fit' is of type function, not an Encoding
code | return seconds // 10**8 | its codes are int64
code | return (seconds // 10**7).astype(np.int32) | and it encodes 9 codes
code | return np.zeros(3, np.int32) | its codes are int32 (3, 1), not int32
"""


@pytest.mark.parametrize("line", BROKEN_FEATURES.strip().splitlines())
def test_a_feature_that_breaks_the_contract(own_package, line: str) -> None:
    name, source, said = line.split(" | ")
    changes = (CONTEXT if name == "code" else {}) | {name: source}
    own_package("shop", OWN, own_module=own_feature(**changes))
    found = broken(check_feature(feature_named("own"), SAMPLE))
    assert any(said in one for one in found), found


def test_a_context_needs_codes_of_times(own_package) -> None:
    own_package("shop", OWN, own_module=own_feature(side="Side.CONTEXT", encode=NINE))
    found = broken(check_feature(feature_named("own"), SAMPLE))
    assert any("lacks `code`" in one for one in found), found


# --- layouts ------------------------------------------------------------------------------------------

LAYOUT = """
from movierec_cli.plugins import FileSpec, Layout, Rules
OWN = Layout("x", (FileSpec("ratings", {name!r}, "userId itemId rating", "|"),), example={example!r})
"""


@pytest.mark.parametrize(
    ("name", "example", "said"),
    [
        (r".+\.log", {"a.log": "ann|1|4\nben|2|5\n"}, None),
        (r".+\.log", {}, "has an example"),
        (r".+\.txt", {"a.log": "ann|1|4\nben|2|5\n"}, "taken for the layout"),
        (r".+\.(log|csv)", {"a.log": "ann|1|4\nben|2|5\n"}, "of other data are taken for it"),
        (r".+\.log", {"a.log": "ann|1\n"}, "line 1"),
    ],
)
def test_a_layout(own_package, name: str, example: dict[str, str], said: str | None, tmp_path: Path) -> None:
    source = LAYOUT.format(name=name, example=example)
    own_package("shop", {"layouts": {"own-log": "own_module:OWN"}}, own_module=source)
    found = broken(check_layout("own-log", example, tmp_path / "files"))
    assert found == [] if said is None else any(said in one for one in found), found


# --- what goes wrong before that ----------------------------------------------------------------------


def test_two_packages_of_one_name_are_named(own_package) -> None:
    for package in ("shop", "stall"):
        module = f"{package}_module"
        own_package(package, {"metrics": {"hit": f"{module}:HIT"}}, **{module: "HIT = 1"})
    with pytest.raises(PluginError, match=r"metric 'hit' is in packages shop 1.0 and stall 1.0; uninstall"):
        metric_named("hit")
    assert names_of(EntryKind.METRIC) == ("hit",)
    result = run("check-plugin hit")
    assert result.exit_code == 1 and "uninstall all but one" in words(result.output)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "import nothing_of_this_name",
            "cannot be imported: ModuleNotFoundError: No module named 'nothing_of",
        ),
        ("HAT = 1", "cannot be imported: AttributeError: "),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("HIT = [1]", r"\(own_module:HIT\) is of type list; it must be a movierec_cli.plugins.Metric"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_goes_on(own_package, source: str, said: str) -> None:
    own_package("shop", {"metrics": {"hit": "own_module:HIT"}}, own_module=source)
    with pytest.raises(PluginError, match=f"metric 'hit' of package shop 1.0 .*{said}"):
        parse_metric("hit@10")
    assert deciding_metric("ndcg@5") == "ndcg@5"
    with pytest.raises(UsageError, match=r"unknown metric 'hat@10'; known metrics: .*, auc, hit$"):
        parse_metric("hat@10")
    result = run("check-plugin shop --json")
    assert result.exit_code == 1
    (entry,) = json.loads(result.stdout)["entries"]
    assert (entry["kind"], entry["package"], entry["version"]) == ("metric", "shop", "1.0")
    assert [bool(claim["problem"]) for claim in entry["claims"]] == [False, True]


def test_what_is_built_in_comes_first(own_package) -> None:
    taken = {"features": {"week": "m:X"}, "families": {"ease": "m:X"}, "metrics": {"ndcg": "m:X"}}
    own_package("shop", taken)
    assert feature_named("week") is FEATURES["week"] and Family.named("ease") is Family.EASE
    assert metric_named("ndcg") is METRICS["ndcg"] and "m" not in sys.modules
    result = run("check-plugin shop")
    assert result.exit_code == 1
    assert "movierec has a feature 'week', which is used in its place; rename yours" in words(result.output)


def test_nothing_is_imported_before_it_is_asked_for(own_package) -> None:
    own_package("shop", {"metrics": {"hit": "own_module:HIT"}}, own_module="raise ValueError")
    assert names_of(EntryKind.METRIC) == ("hit",)
    assert settings_of(Judging)["metric"].full_help.endswith(" Of installed packages: hit.")
    assert "own_module" not in sys.modules
    assert feature_named("budget").origin is None and "own_module" not in sys.modules


@pytest.mark.parametrize(
    ("name", "fits"),
    [("hit", True), ("hit_rate", True), ("Hit", False), ("hit-rate", False), ("hit@10", False)],
)
def test_names_are_as_those_that_are_built_in(own_package, name: str, fits: bool) -> None:
    own_package("shop", {"metrics": {name: "own_module:HIT"}}, own_module="HIT = 1")
    result = run("check-plugin shop")
    assert ("small letters and digits, with '_' between" in words(result.output)) is not fits


def test_a_name_that_nobody_declares_is_refused() -> None:
    result = run("check-plugin nobody")
    assert result.exit_code == 2
    assert "no entry and no package is called 'nobody'; no installed package declares any" in words(
        result.output
    )


def test_a_feature_that_calls_itself_otherwise_is_refused(own_package) -> None:
    own_package("shop", {"features": {"mine": "own_module:OWN"}}, own_module=own_feature())
    with pytest.raises(PluginError, match=r"shop 1.0 declares a feature 'mine', which calls itself 'own'"):
        feature_named("mine")


# --- identity -----------------------------------------------------------------------------------------


def test_another_version_is_another_model(own_package) -> None:
    configs = []
    for version in ("1.0", "1.1"):
        own_package("shop", OWN, version, own_module=own_feature())
        features = FeatureSet.parse(["own", "week"])
        configs.append(RunConfig(family=Family.TWO_TOWER, split=SPLIT, feature_set=features))
    assert configs[0] != configs[1] and configs[0].feature_set.label == configs[1].feature_set.label
    assert canonical_json(configs[0]) != canonical_json(configs[1])
    first, second = json.loads(json.dumps(encode(configs[0])))["feature_set"]
    assert first == "week" and (second["name"], second["version"]) == ("own", "1.0")


def test_a_family_of_a_package_is_its_name_and_version(own_package) -> None:
    source = "from movierec_cli.plugins import baseline\nOWN = baseline('Own', 'own_module:X')"
    own_package("shop", {"families": {"own": "own_module:OWN"}}, own_module=source)
    family = Family.named("own")
    assert family == "own" == Family.named("own") and family.label == "Own" and family.is_baseline
    assert family not in list(Family) and family != Family.EASE
    assert family != Family.of_package("own", family.spec, replace(family.origin, version="2"))
    assert baseline("Own", "own_module:X") == family.spec


def test_a_family_of_sequences_cannot_be_brought(own_package) -> None:
    source = "from movierec_cli.plugins import Family\nOWN = Family.GRU4REC.spec"
    own_package("shop", {"families": {"own": "own_module:OWN"}}, own_module=source)
    with pytest.raises(
        PluginError, match=r"family 'own' of package shop 1\.0 is of Kind\.SEQUENCES; packages"
    ):
        Family.named("own")


BASELINE = """
import numpy as np
from movierec_cli.plugins import Baseline, Kept, Scorer, Scoring, baseline

def prepare(part):
    def fit(settings):
        scores = np.tile(part.popularity, (part.n_users, 1)) + np.arange(part.n_movies, dtype=np.float32)
        {more}
        return Scorer(lambda users: scores[users], 1, Kept({kept}))
    return fit

CHOICES = Baseline(grid={grid}, prepare=prepare)
OWN = baseline("Own", "own_module:{name}", {packages} scoring=Scoring.{scoring})
"""
FINE = {
    "more": "",
    "kept": "scores[0]",
    "grid": "({},)",
    "name": "CHOICES",
    "packages": "",
    "scoring": "POPULARITY",
}
BROKEN_FAMILIES = """
kept | part.popularity | get another list than when it was judged; its scoring is Scoring.POPULARITY
more | scores = scores * np.random.default_rng().random(part.n_movies, np.float32) | its lists are others
more | raise KeyError("beta") | family 'own' of package shop 1.0 cannot be fitted: KeyError: 'beta'
more | scores = scores * np.nan | not finite
more | scores = scores[:, :3] | its scores are float32 (20, 3), not float32 (20, 40)
more | scores = scores.astype(int) | its scores are int64
grid | () | its grid has no settings
name | prepare | 'own_module:prepare' is of type function, not a Baseline
name | nothing | module 'own_module' has no attribute 'nothing'
packages | "no-such-package", | it names the package 'no-such-package', which is not installed
"""


@pytest.mark.parametrize("line", ["", *BROKEN_FAMILIES.strip().splitlines()])
def test_a_family(own_package, line: str, tmp_path: Path) -> None:
    name, source, said = line.split(" | ") if line else ("more", "", "")
    source = BASELINE.format(**FINE | {name: source})
    own_package("shop", {"families": {"own": "own_module:OWN"}}, own_module=source)
    found = broken(check_family(Family.named("own"), small_dataset(), tmp_path))
    assert any(said in one for one in found) if line else found == [], found
