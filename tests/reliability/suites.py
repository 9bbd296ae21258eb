"""Rows that are tests: a file of the unit tests run as it is, its tests counted by what they are about."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.reliability import Row


def rows(files: Sequence[str], subjects: Mapping[str, Sequence[str]]) -> list[Row]:
    """Run test files; a row for each subject, of the tests whose names contain one of its words.

    Every test belongs to the first subject that fits; one that fits none is a fault of this list.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        paths = [f"tests/unit/{file}.py" for file in files]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *paths]
        outcome = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        if not report.exists():
            return [Row.of(f"tests of {', '.join(files)}", 1, [outcome.stdout[-300:] + outcome.stderr[-300:]])]
        cases = list(ElementTree.parse(report).iter("testcase"))
    found: dict[str, list[tuple[str, str]]] = {subject: [] for subject in subjects}
    for case in cases:
        name = case.get("name", "")
        subject = next((one for one, words in subjects.items() if any(word in name for word in words)), "other tests")
        bad = next((one for one in case if one.tag in ("failure", "error")), None)
        found.setdefault(subject, []).append((name, "" if bad is None else f"{name}: {bad.get('message', '')}"))
    return [Row.of(subject, len(tests), [fault for _, fault in tests if fault]) for subject, tests in found.items()]
