"""Every rule has a card, and the ten lines on it run."""

import contextlib
import io
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "_build"))
cards = pytest.importorskip("cards")

REGISTERS = cards.registers()
#: Cards of one kind differ in the rule's name alone: one of each runs here, the rules themselves in their own matrices.
ONE_OF_EACH = [("temporal", "rflo"), ("pathway", "product"), *(("circuit", name) for name in REGISTERS["circuit"])]


@pytest.mark.parametrize(("kind", "name"), ONE_OF_EACH)
def test_the_example_of_a_card_runs(kind, name):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(cards.example(kind, name), f"card of {name}", "exec"), {"__name__": "card"})
    assert said.getvalue().strip()


def test_every_rule_has_a_card_with_its_equation_and_needs():
    made = dict(cards.pages())
    for kind, some in REGISTERS.items():
        for name, (rule, documents) in some.items():
            text = made[f"rules/{kind}/{name}.md"]
            assert documents is not None and documents.__doc__, name
            assert rule.equation and f"$$ {rule.equation} $$" in text, name
            assert "| symbol |" in text
            assert all(f"| `{signal}` | {place} |" in text for signal, place in rule.needs.items())
            assert f"({kind}/{name}.md)" in made["rules/index.md"]
