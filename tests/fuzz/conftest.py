from __future__ import annotations

import pytest

from tests.fuzzing import fuzzed

EXAMPLES = 3
"""In the suite; `make fuzz` takes more."""


def pytest_addoption(parser):
    parser.addoption("--fuzz-examples", type=int, default=EXAMPLES, help="how much is thrown at each door")


@pytest.fixture(scope="module")
def examples(request) -> int:
    return request.config.getoption("fuzz_examples", EXAMPLES)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    with fuzzed(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


@pytest.fixture
def unharmed(target):
    """What a test does leaves no line of trouble, and nothing open."""
    before = target.descriptors()
    yield target
    after = target.settle(len(before))
    assert target.trouble() == []
    assert len(after) <= len(before), f"open before: {before}, and after: {after}"
