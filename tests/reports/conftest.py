"""One browser for all tests that look at pages."""

from collections.abc import Iterator

import pytest

from tests.reports.browser import Browser


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started
