"""Every reference case that the repository carries is replayed; other cases of the same topics run from the shell."""

from pathlib import Path

import pytest
from biocredit.protocols.datasets.formats import DataError

from tests.conformance.harness import NoAdapterError, adapter_for, carried_cases, replay_file


def test_cases_are_carried():
    assert len(carried_cases()) == 124


@pytest.mark.parametrize("path", carried_cases().values(), ids=lambda path: path.stem)
def test_case(path: Path):
    try:
        adapter_for(path.stem)
    except NoAdapterError as missing:
        pytest.skip(str(missing))
    try:
        report = replay_file(path)
    except DataError as missing:
        pytest.skip(str(missing))
    assert report.outcomes, "the adapter compared nothing"
    assert not report.failures, "\n".join(map(str, report.failures))
