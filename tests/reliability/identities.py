"""A trace and what belongs to it: companions of others and of the past, names, links, what happens under the writer."""

from tests.reliability import Row
from tests.reliability.suites import rows

SUBJECTS = {
    "without its checkpoint; another run's, a stale one; overwritten: a silent loss, another run's numbers": (
        "checkpoint",
    ),
    "pending journal: put in place, of another file, old, damaged; trace copied alone": ("journal", "repair", "stray"),
    "copied, moved, renamed whole": ("copied", "moved", "renamed"),
    "reached by symlink or hard link: two writers": ("by_whatever_name", "link", "second_writer"),
    "deleted, replaced, renamed, truncated under the writer: not noticed at the next commit": ("happens_to_the_file",),
}


def main(count: int = 0) -> list[Row]:
    """The tests of identity."""
    found = rows(["test_trace_identity"], SUBJECTS)
    return [row for row in found if row.what != "other tests"]
