"""Whether every test must run, as in CI: then one that lacks a program or a package fails."""

import os

ALL_TESTS = "MOVIEREC_ALL_TESTS" in os.environ
