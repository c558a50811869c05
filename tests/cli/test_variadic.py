import shlex
from pathlib import Path
from typing import Any, get_origin

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from movierec_cli.cli.parsing.variadic import plain_value
from movierec_cli.config.arguments import OptionSpec, rewrite, spelling
from movierec_cli.errors import UsageError

SPECS = {
    spelling(name): OptionSpec(name, takes_value, takes_several, once="" if "sets" in name else name)
    for name, takes_value, takes_several in (
        ("--additional_feature_sets", True, True),
        ("--layer_sizes", True, True),
        ("--num_epochs", True, False),
        ("--embedding_size", True, False),
        ("--learning_rate", True, False),
        ("--generate_recommendations_for_user", True, False),
        ("--archive", True, False),
        ("--retrain", False, False),
        ("-q", False, False),
        ("-o", True, False),
    )
}


def rewritten(line: str) -> list[str]:
    return rewrite(shlex.split(line), SPECS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--layer_sizes 64,32", ["--layer_sizes=64,32"]),
        ("--layer_sizes=64,32", ["--layer_sizes=64,32"]),
        ("-o page.html -q", ["-opage.html", "-q"]),
        ("-o=page.html", ["-opage.html"]),
        ("-opage.html", ["-opage.html"]),
        ("--layer_sizes=64 32", ["--layer_sizes=64,32"]),
        ("--layer_sizes '64 32'", ["--layer_sizes=64 32"]),
        ("--layer-sizes 64 32 -q", ["--layer_sizes=64,32", "-q"]),
        ("--layer-sizes 64 -32 --retrain", ["--layer_sizes=64,-32", "--retrain"]),
        ("--layer_sizes 64 -- 32", ["--layer_sizes=64", "--", "32"]),
        ("-- --layer-sizes 64 32", ["--", "--layer-sizes", "64", "32"]),
        ("--learning-rate -0.1", ["--learning_rate=-0.1"]),
        ("--learning-rate -.1", ["--learning_rate=-.1"]),
        ("--archive -odd.zip", ["--archive=-odd.zip"]),
        ("--archive=--odd.zip", ["--archive=--odd.zip"]),
        ("--archive a=b.zip", ["--archive=a=b.zip"]),
        ("--num_epochs 3 extra", ["--num_epochs=3", "extra"]),
        ("--unknown-option 3", ["--unknown-option", "3"]),
        ("name-with-hyphens under_score", ["name-with-hyphens", "under_score"]),
        ("", []),
    ],
)
def test_rewriting(line: str, expected: list[str]) -> None:
    assert rewritten(line) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--layer_sizes", ["--layer_sizes needs one value or more"]),
        ("--layer_sizes=", ["--layer_sizes needs one value or more"]),
        ("--additional-feature-sets --retrain", ["--additional_feature_sets", "but '--retrain' follows"]),
        ("--archive --retrain", ["--archive needs a value", "--retrain"]),
        ("--archive -q", ["--archive needs a value", "-q"]),
        ("--archive --", ["--archive needs a value"]),
        (
            "--num_epochs 3 --num-epochs=4",
            ["--num_epochs and --num-epochs=4 are the same option; give it once"],
        ),
        ("--num_epochs= --retrain", ["--num_epochs needs a value"]),
    ],
)
def test_a_missing_value_or_a_repeated_option_is_named(line: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        rewritten(line)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_completion_meets_options_still_without_a_value() -> None:
    assert rewrite(["--layer-sizes"], SPECS, strict=False) == ["--layer_sizes"]


TOKENS = st.sampled_from(
    ["--layer-sizes", "--num_epochs", "--retrain", "--", "-q", "64", "-1", "a,b", "--x", "--archive=p"]
)


@given(st.lists(TOKENS | st.text(max_size=5), max_size=8))
def test_rewriting_what_is_rewritten_changes_nothing(args: list[str]) -> None:
    try:
        once = rewrite(args, SPECS)
    except UsageError:
        reject()
    assert rewrite(once, SPECS) == once


@given(st.lists(st.text(), max_size=6))
def test_what_comes_after_two_hyphens_is_left_alone(args: list[str]) -> None:
    assert rewrite(["--", *args], SPECS) == ["--", *args]


@pytest.mark.parametrize(
    "text", ["7", "-7", "+07", "1.5", "-0.25", "1e3", "nan", "7_0", " 7", "٣", "", "x", "."]
)
@pytest.mark.parametrize("kind", [int, float, str, Path, list[str], list[int]])
def test_a_plain_value_is_what_typer_would_make_of_it(kind: Any, text: str) -> None:
    value = [text, text] if get_origin(kind) is list else text
    plain = plain_value(kind, value)
    try:
        expected = TypeAdapter(kind).validate_python(value)
    except ValidationError:
        expected = None
    assert plain is None or (repr(plain) == repr(expected))
    assert plain is not None or text not in ("7", "-7")
