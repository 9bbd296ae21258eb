import re

import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.reports.bibliography import cite, entries, entry
from biocredit.analysis.reports.comparison import compare, distinguish, label_of, varying
from biocredit.analysis.reports.report import notes, write_report
from biocredit.analysis.reports.tables import comparison_table, order, runs_table
from biocredit.analysis.trace.reader import TraceError

from tests.unit.experiment_case import learned

RUNS = np.array([[0.2, 0.7, 0.6], [0.4, 0.9, 0.8]])
KNOWN = [
    {"series": "test_accuracy", "at": "best", "value": 0.75, "sd": 0.01, "source": "table <1>"},
    {"series": "test_accuracy", "at": 1, "value": 0.3, "sd": None, "source": "text"},
    {"series": "test_accuracy", "at": "last", "value": 0.5, "sd": None, "source": "text"},
    {"series": "test_accuracy", "at": 7, "value": 0.9, "sd": None, "source": "text"},
    {"series": "test_loss", "at": "best", "value": 0.9, "sd": None, "source": "text"},
]


@pytest.fixture
def trace(tmp_path):
    about = {"title": "A <run>", "condition": "AP", "reference": KNOWN, "expected": "it rises", "full_size": True}
    about["observed"] = "it falls"
    return open_trace(learned(tmp_path / "run.h5", RUNS, about))


def test_ours_beside_theirs(trace):
    rows = compare(trace)
    np.testing.assert_allclose([row.ours.mean() for row in rows[:3]], [0.8, 0.3, 0.7])
    np.testing.assert_allclose([row.deviation for row in rows[:3]], [0.05, 0.0, 0.2], atol=1e-12)
    assert [row.deviation for row in rows[3:]] == [None, None]


def test_the_table_says_percentages_spread_and_what_was_not_reached(trace):
    table = comparison_table([trace])
    assert table[1] == ["AP", "test accuracy, best", "80 ± 14 % (n = 2)", "75.0 ± 1.0 %", "+5 points", "table <1>"]
    assert table[4][2:5] == ["not reached", "90 %", ""]
    assert runs_table([trace])[1] == ["AP", "", "2", "3", "test accuracy", "70 ± 14 % (n = 2)"]


def test_notes_warn_of_quick_partial_and_changed_runs(tmp_path, trace):
    assert notes([trace]) == ["The paper finds: it rises.", "This program found at full size: it falls."]
    quick = learned(tmp_path / "quick.h5", RUNS, {"condition": "q", "quick": True, "full_size": False})
    changed = learned(tmp_path / "changed.h5", RUNS, {"condition": "c", "full_size": False})
    said = notes([open_trace(quick), open_trace(changed)])
    assert "quick look" in said[0]
    assert "settings differ" in said[1]


def test_html_holds_everything_in_one_file(trace, tmp_path):
    text = write_report([trace], tmp_path / "out" / "report.html").read_text()
    assert "A &lt;run&gt;" in text
    assert "table &lt;1&gt;" in text
    assert "+5 points" in text
    assert text.count("data:image/png;base64,iVBOR") == 1
    assert "liu2026adjoint" in text
    assert re.findall(r'(?:src|href)="(?!data:)(.*?)"', text) == ["../run.h5"]  # the trace itself, and nothing else
    assert text.index("<figure>") < text.index("<table>")


def test_markdown_has_its_figures_beside_it(trace, tmp_path):
    text = write_report([trace], tmp_path / "report.md").read_text()
    assert "| AP | test accuracy, best | 80 ± 14 % (n = 2) | 75.0 ± 1.0 % | +5 points | table &lt;1&gt; |" in text
    for name in re.findall(r"!\[.*?\]\(<(.*?)>\)", text):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert "(<report/1.png>)" in text


def test_several_runs_are_compared_by_the_settings_in_which_they_differ(tmp_path):
    paths = [
        learned(tmp_path / f"{k}.h5", RUNS, {"condition": f"{k}", "settings": {"circuit": {"size": k, "depth": 1}}})
        for k in (1, 2)
    ]
    assert varying([open_trace(path) for path in paths]) == {"circuit.size": [1, 2]}
    text = write_report(paths, tmp_path / "r.md").read_text()
    assert "| run | circuit.size |" in text


def test_runs_of_equal_names_are_told_apart(tmp_path):
    def run(name, size, **about):
        settings = {"settings": {"circuit": {"size": size}, "task": {"name": "digits"}}}
        return open_trace(learned(tmp_path / f"{name}.h5", RUNS, settings | about))

    same = [run("a", 3, condition="AP"), run("b", 4, condition="AP"), run("c", 3, condition="BP")]
    distinguish(same)
    assert [label_of(one) for one in same] == ["AP, size 3", "AP, size 4", "BP"]
    twins = [run("d", 3, condition="AP"), run("e", 3, condition="AP")]
    distinguish(twins)
    assert [label_of(one) for one in twins] == ["AP (d)", "AP (e)"]


def test_rows_are_sorted_as_numbers():
    rows = [[f"expansion {size}"] for size in (100.0, 10.0, 1.58, 1.0)]
    assert sorted(rows, key=order) == rows[::-1]


def test_the_epoch_chosen_on_validation_is_reported_and_the_best_on_test_is_not(tmp_path):
    validation = (np.array([[0.9, 0.1, 0.2], [0.1, 0.2, 0.3]]), ("seed", "epoch"))
    path = learned(tmp_path / "v.h5", RUNS, {"condition": "AP"}, **{"learning/validation_accuracy": validation})
    head, row = runs_table([open_trace(path)])
    assert dict(zip(head, row, strict=True))["chosen on validation"] == "50 ± 42 % (n = 2)"
    assert "90" not in " ".join(row)


def test_another_ending_is_refused(trace, tmp_path):
    with pytest.raises(TraceError, match=r"\.html or \.md"):
        write_report([trace], tmp_path / "report.pdf")


# -- bibliography -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("10.7554/eLife.108237", "liu2026adjoint"),
        ("doi:10.7554/eLife.108237.", "liu2026adjoint"),
        ("arXiv:2405.20594", "li2024deep"),
        ("10.48550/arXiv.2206.01338", "liu2022biologically"),
        ("Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747", "xiao2017fashion"),
        ("Krizhevsky (2009), Learning multiple layers of features from tiny images", "krizhevsky2009learning"),
    ],
)
def test_a_source_is_found_by_doi_identifier_or_name(source, key):
    assert entry(source).splitlines()[0].endswith(f"{{{key},")


def test_an_unknown_source_still_gets_an_entry():
    assert "doi = {10.1000/xyz}" in entry("10.1000/xyz")
    assert "note = {a letter}" in entry("a letter")


def test_a_run_is_cited_with_its_programs_each_once(trace):
    text = cite(trace, trace, "10.7554/eLife.108237")
    assert text.count("liu2026adjoint") == 1


def test_entries_are_well_formed_and_keys_unique():
    texts = set(entries().values())
    keys = {text.partition("{")[2].partition(",")[0] for text in texts}
    assert len(keys) == len(texts) > 30
    for text in texts:
        assert text.count("{") == text.count("}"), text
        assert "title = {" in text


def test_every_rule_and_data_set_has_an_entry():
    from biocredit.circuits import EquilibriumPropagation, ModularRNN, PredictiveCoding
    from biocredit.circuits.dual_stream import PATHWAYS
    from biocredit.protocols.datasets.registry import TABLE

    cited = [one.citation for one in (ModularRNN, EquilibriumPropagation, PredictiveCoding)]
    cited += [data_set.citation for data_set in TABLE.values()]
    cited += [stream.rule.citation for stream in PATHWAYS.values()]
    assert [source for source in cited if "title" not in entry(source)] == []
