"""Whether every test must run, as in CI: then one that lacks a program or a package fails."""

import os

import pytest

ALL_TESTS = "MOVIEREC_ALL_TESTS" in os.environ


def needs(package: str) -> None:
    """Skips a test, or a module of tests, without a package that is optional; unless every test must run."""
    if not ALL_TESTS:
        pytest.importorskip(package)
