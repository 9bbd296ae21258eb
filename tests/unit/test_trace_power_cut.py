"""A sample of the power cuts of ``make reliability``; and the simulator notices when the folder is not synchronised."""

from biocredit.analysis.trace.storage import durable

from tests.reliability import power_cut


def test_a_power_cut_leaves_whole_files(tmp_path):
    rows = power_cut.main(60, folder=tmp_path)
    assert len(rows) == 2
    assert [row for row in rows if not row.holds] == []


def test_the_simulator_finds_what_an_unsynchronised_folder_loses(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "sync_folder", lambda path: None)
    assert not all(row.holds for row in power_cut.main(150, folder=tmp_path))
