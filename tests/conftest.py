"""Options and helpers that all tests share."""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lives", type=int, default=50, help="random lives of a cloud, of 40 steps each")
    parser.addoption("--update-golden", action="store_true", help="write what tests see into their expected files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file of the repository; with --update-golden, write the file instead."""

    def compare(file: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            file.write_text(text)
            return
        expected = file.read_text() if file.exists() else ""
        if expected != text:
            lines = difflib.unified_diff(expected.splitlines(), text.splitlines(), str(file), "seen", lineterm="")
            advice = "run pytest --update-golden, and read the change it makes"
            pytest.fail("\n".join([*lines, "", advice]), pytrace=False)

    return compare
