"""Every reference case that the repository carries is replayed; other cases of the same topics run from the shell."""

from pathlib import Path

import pytest

from tests.conformance.harness import NoAdapterError, adapter_for, replay_file

CASES = sorted((Path(__file__).parent / "cases").glob("*.npz"))


def test_cases_are_carried():
    assert len(CASES) > 80


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path):
    try:
        adapter_for(path.stem)
    except NoAdapterError as missing:
        pytest.skip(str(missing))
    report = replay_file(path)
    assert report.outcomes, "the adapter compared nothing"
    assert not report.failures, "\n".join(map(str, report.failures))
