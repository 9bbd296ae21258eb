"""Every experiment, in the size that a user tries first: it runs and its report can be written."""

import pytest
from biocredit.protocols import cli
from biocredit.protocols.experiments import every

pytestmark = pytest.mark.science


@pytest.mark.parametrize("name", every())
def test_a_quick_look_ends_in_a_report(name, tmp_path):
    assert cli.main(["run", name, "--quick", "-o", str(tmp_path / "quick")]) == 0
    traces = sorted(map(str, tmp_path.glob("**/*.h5"))) or [str(tmp_path / "quick")]
    assert cli.main(["report", *traces, "-o", str(tmp_path / "report.md")]) == 0
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# ")
