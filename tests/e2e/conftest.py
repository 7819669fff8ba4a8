import json

import pytest

import harness


@pytest.fixture(scope="session")
def daemon():
    with harness.Daemon() as running:
        yield running


@pytest.fixture(scope="session")
def clips():
    return harness.clips()


@pytest.fixture(scope="session")
def clip(clips):
    return clips[0]


@pytest.fixture(scope="session")
def bounds():
    """Stated bounds of the shipped seed: see tests/accuracy/README.md."""
    return json.loads((harness.ROOT / "tests/accuracy/bounds.json").read_text())


@pytest.fixture(scope="session")
def deepest(bounds):
    return max(map(int, bounds["batch_wer_percent"]))
