"""Every rule of every register says what a synapse computes, in symbols that the page of symbols explains."""

import csv
import re
from pathlib import Path

import pytest
from biocredit.circuits.dual_stream import PATHWAYS
from biocredit.circuits.recurrent.rules import RULES

SYMBOLS = Path(__file__).parents[2] / "docs" / "_build" / "symbols.csv"
DECLARED = {**RULES, **{name: pathway.rule for name, pathway in PATHWAYS.items()}}
#: Words of TeX that are layout, and no symbols.
LAYOUT = set(
    re.findall(r"\w+", "sum Bigl Bigr bigl bigr qquad quad bar hat widehat top frac partial odot cdot cdots dot")
)
LAYOUT |= {"leftarrow"}


@pytest.mark.parametrize("name", DECLARED)
def test_the_symbols_of_an_equation_are_explained(name):
    equation = DECLARED[name].equation
    assert equation.count("{") == equation.count("}")
    known = {
        word
        for row in csv.DictReader(SYMBOLS.read_text().splitlines())
        for word in re.findall(r"[A-Za-z]+", row["symbol"])
    }
    plain = re.sub(r"\\(?:mathrm|text)\{[^}]*\}|_\{[^}]*\}|_.|\^\{[^}]*\}", " ", equation)
    used = set(re.findall(r"[A-Za-z]+", re.sub(r"\\([A-Za-z]+)", r" \1 ", plain))) - LAYOUT
    assert equation
    assert used <= known, used - known
