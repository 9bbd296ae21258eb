"""``biocredit audit``: a file of one's own needs no further code; the page stands alone; claims are well formed."""

import csv
import re
from pathlib import Path

import pytest
from biocredit.analysis.metrics.audited import Audit, Dependence, Property
from biocredit.analysis.metrics.plausibility import PUBLISHED
from biocredit.analysis.plots.figures import audit_table, plasticity_wiring
from biocredit.analysis.reports.audit_page import compared, read_claims, write_audit
from biocredit.analysis.reports.bibliography import citable
from biocredit.protocols.cli import main
from biocredit.protocols.plausibility.subjects import ALSO, subjects

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = ROOT / "protocols" / "plausibility" / "claims.csv"
ROWS = [
    Dependence("W", "rate", "signal", "rule", "pre", 9, 0.5, ("past",)),
    Dependence("W", "error", "signal", "rule", "broadcast", 3, 0.5),
    Dependence("W", "V", "weight", "", "nonlocal", 12, 0.5, (), "weights of other synapses"),
    *(Dependence("W", f"signal{k}", "signal", "rule", "post", 9, 0.5) for k in range(9)),
]
PROPERTIES = {"local": Property("no", 1.0, "W reads V"), "online": Property("yes"), "causal": Property("not measured")}
MADE = Audit("counter_current", "arXiv:2409.19841", "Made", {"W": ("a", "b")}, tuple(ROWS), (), PROPERTIES)


def test_a_file_of_ones_own_is_audited(tmp_path, capsys):
    assert main(["audit", str(ROOT / "tests" / "examples" / "pathway.py"), "--quick", "-o", str(tmp_path / "out")]) == 0
    assert "no transport of magnitudes   yes" in capsys.readouterr().out
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "What it declares is what it uses." in page
    with (tmp_path / "out" / "dependences.csv").open(encoding="utf-8") as file:
        found = {(row["of"], row["on"]): row["place"] for row in csv.DictReader(file)}
    assert found["up.layer2.W", "up.rate1.rate"] == "pre"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prodct"], "did you mean 'product'"),
        (["missing.py"], "no such Python file"),
        (["pfa", "-o", "FILE"], "is a file"),
    ],
)
def test_bad_input_is_one_line(words, said, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    words = [str(tmp_path / "file") if word == "FILE" else word for word in words]
    assert main(["audit", *words, "--quick"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_claims_name_rules_properties_and_sources():
    claims, known = read_claims(CLAIMS), subjects()
    assert {rule for rule, _ in claims} <= set(known)
    assert {verdict for verdict, _ in claims.values()} <= {"yes", "part", "no", "unclear"}
    assert all(citable(source.partition(",")[0]) for _, source in claims.values())
    assert set(ALSO.values()) <= set(known)


def test_claims_hold_the_published_table():
    claims = read_claims(CLAIMS)
    names = {
        "signs_free": "no transport of signs",
        "magnitudes_free": "no transport of magnitudes",
        "one_phase": "no phase for feedback alone",
        "no_symmetry": "no symmetry",
        "path_aligned": "path like back-propagation",
        "bp_level": "accuracy of back-propagation",
    }
    for rule, verdicts in PUBLISHED.items():
        for key, verdict in verdicts.items():
            assert claims[ALSO[rule], names[key]][0] == verdict, (rule, key)


def test_a_disagreement_is_shown(tmp_path):
    claims = read_claims(CLAIMS)
    ((rule, name, measured, published, number, source),) = compared([MADE], claims)
    assert (rule, name, measured, published) == ("counter_current", "local", "no", "yes")
    assert number == "1: W reads V"
    assert source.startswith("arXiv:2409.19841")
    page = write_audit([MADE], claims, tmp_path).read_text(encoding="utf-8")
    assert "Measured otherwise than published" in page


def test_pictures_say_what_was_found():
    texts = [text.get_text() for text in plasticity_wiring(MADE, "W").axes[0].texts]
    assert {"pre", "rate (past)", "error [3]", "V", "and 4 more"} <= set(texts)
    figure = audit_table([MADE])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["local", "online"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["no 1", "yes"]
    with pytest.raises(ValueError, match="no plastic array is called 'X': valid are W"):
        plasticity_wiring(MADE, "X") if MADE.of("X") else None
