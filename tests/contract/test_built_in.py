"""What is built in does what `movierec check-plugin` demands of a package's entries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from movierec_cli.config import BASELINES, FEATURES, RATING_BASELINES, Family
from movierec_cli.contract.claims import broken
from movierec_cli.contract.family_contract import check_family
from movierec_cli.contract.feature_contract import SIDES, check_feature
from movierec_cli.contract.layout_contract import check_layout
from movierec_cli.contract.metric_contract import check_metric
from movierec_cli.data.sample import simulate_sample
from movierec_cli.data.sources import LayoutKind
from movierec_cli.evaluation.metrics import METRICS
from tests.all_tests import ALL_TESTS
from tests.data.test_layouts import SHAPES
from tests.small_dataset import small_dataset

SAMPLE = simulate_sample()
TOWERS = (Family.TWO_TOWER, Family.HYBRID)
SEQUENCES = (Family.GRU4REC, Family.SASREC, Family.HSTU)


@pytest.mark.parametrize("feature", [one for one in FEATURES.values() if one.side in SIDES and one.encoding])
def test_a_feature(feature) -> None:
    claims = check_feature(feature, SAMPLE)
    assert len(claims) >= 6 and broken(claims) == []


@pytest.mark.parametrize("name", METRICS)
def test_a_metric(name: str) -> None:
    claims = check_metric(METRICS[name])
    assert len(claims) == 6 and broken(claims) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_layout(shape: str, tmp_path: Path) -> None:
    kind = max((one for one in LayoutKind if one in shape), key=len)
    claims = check_layout(kind, SHAPES[shape].members, tmp_path)
    assert len(claims) == 5 and broken(claims) == []


@pytest.mark.parametrize(("kind", "name"), [("100K", "100k"), ("1M", "1m"), ("CSV", "csv")])
def test_a_layout_of_movielens(
    kind: str, name: str, members: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    assert broken(check_layout(kind, members(name), tmp_path)) == []


@pytest.mark.parametrize("family", [*BASELINES, *RATING_BASELINES, *TOWERS])
def test_a_family(family: Family, tmp_path: Path) -> None:
    claims = check_family(family, small_dataset(), tmp_path)
    n_claims = 9 if family in BASELINES else 8 if family.ranks else 5
    assert len(claims) == n_claims and broken(claims) == []


@pytest.mark.skipif(not ALL_TESTS, reason="compiling takes a quarter of a minute a family: make test-all")
@pytest.mark.parametrize("family", SEQUENCES)
def test_a_family_of_sequences(family: Family, tmp_path: Path) -> None:
    assert broken(check_family(family, small_dataset(), tmp_path)) == []
