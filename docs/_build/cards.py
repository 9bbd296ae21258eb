"""One card a rule: its equation with symbols tied to the code's names, what a synapse needs, where it is exact, cost."""

import csv
import inspect
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from biocredit.analysis.reports.bibliography import entry as bibtex
from biocredit.circuits import EquilibriumPropagation, ModularRNN, PhaselessMicrocircuit, PhaselessRate, PredictiveCoding
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.dual_stream import PATHWAYS
from biocredit.circuits.recurrent import rules
from biocredit.circuits.recurrent.rules import RULES

SYMBOLS = Path(__file__).with_name("symbols.csv")
ROOT = Path(__file__).resolve().parents[2]
#: Circuits whose way of assigning credit is their own.
OWN = {one.__name__: one for one in (ModularRNN, EquilibriumPropagation, PredictiveCoding, PhaselessRate, PhaselessMicrocircuit)}
#: Where tables of the audit and of the bench lie once they have been made, and what a card says of them.
MEASURED = {"audit": "What was measured at its synapses", "bench": "On the bench"}

#: Sizes of circuits, where they are not just those of hidden layers.
SIZES = {
    "ModularRNN": "regions=2, neurons=64",
    "EquilibriumPropagation": "[16], dynamics=EnergyDescent()",
}
ENERGY = "from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent\n"
EXAMPLES = {
    "temporal": """from biocredit import Online, RateRNN, tasks

task = tasks.delayed_xor(cue=2, delay=4, bump_sd=1.0, n_train=16, n_test=8)
net = RateRNN.for_task(task, 12, rule="{name}")
run = Online(net, task, batch_size=8, seeds=1)
run.train(epochs=1, progress=False)
print(run.last["test_accuracy"], list(net.synapses))
""",
    "pathway": """from biocredit import DualStream, TwoPhase, tasks

task = tasks.digits(train=100, test=50)
net = DualStream.for_task(task, hidden=[16], descending="{name}")
run = TwoPhase(net, task, batch_size=50, seeds=1)
run.train(epochs=1, progress=False)
print(net.citation, run.last["test_accuracy"])
""",
    "circuit": """from biocredit import TwoPhase, circuits, tasks

task = tasks.digits(train=100, test=50)
net = circuits.{name}.for_task(task, {sizes})
run = TwoPhase(net, task, batch_size=50, seeds=1)
run.train(epochs=1, progress=False)
print(net.citation, run.last["test_accuracy"])
""",
}


def registers() -> dict[str, dict[str, tuple[CreditRule, Any]]]:
    """Return every rule by kind and name, with what documents it."""
    modules = [one for _, one in inspect.getmembers(rules, inspect.ismodule)]
    return {
        "temporal": {name: (rule, _documents(name, modules)) for name, rule in RULES.items()},
        "pathway": {name: (one.rule, one) for name, one in PATHWAYS.items()},
        "circuit": {name: (one.rule, one) for name, one in OWN.items()},
    }


def _documents(name: str, modules: list[ModuleType]) -> Any:
    own = [one for one in modules if name in [rule.name for rule in getattr(one, "RULES", ())]]
    made = rules.STEP_RULES.get(name)
    return own[0] if own else made


def pages() -> Iterator[tuple[str, str]]:
    """Yield path and Markdown of the table of rules and of every card."""
    found = registers()
    yield "rules/index.md", index(found)
    for kind, some in found.items():
        for name, (rule, documents) in some.items():
            yield f"rules/{kind}/{name}.md", card(kind, name, rule, documents)


def nav() -> list[Any]:
    """Return the entries of the menu."""
    titles = {"temporal": "Temporal rules", "pathway": "Descending pathways", "circuit": "Circuits of their own"}
    found = registers()
    return ["rules/index.md", *({titles[kind]: [f"rules/{kind}/{name}.md" for name in found[kind]]} for kind in found)]


def index(found: dict[str, dict[str, tuple[CreditRule, Any]]]) -> str:
    """Table of all rules."""
    lines = ["# Rules", "", "Every rule on the bench; each has a card. `biocredit list rules` and `list pathways` print them.", ""]
    for kind, some in found.items():
        lines += [f"## {kind.capitalize()}", "", "| rule | exact | transports | phases | memory | source |", "| --- | --- | --- | --- | --- | --- |"]
        for name, (rule, _) in some.items():
            exact = "yes" if rule.exact else rule.exact_when or "no"
            lines.append(f"| [{name}]({kind}/{name}.md) | {exact} | {rule.transports} | {rule.phases} | {rule.memory} | {rule.citation} |")
        lines.append("")
    return "\n".join(lines)


def card(kind: str, name: str, rule: CreditRule, documents: Any) -> str:
    """One rule."""
    text = inspect.cleandoc(documents.__doc__ or "") if documents is not None else ""
    first, rest = text.partition("\n\n")[::2]
    parts = [f"# {name}", first]
    if rule.equation:
        parts += [f"$$ {rule.equation} $$", symbols(rule.equation)]
    parts += [rest.partition("\n\nParameters\n")[0]] if kind == "temporal" and rest else []
    parts += ["## What a synapse needs", drawing(rule), needs(rule)]
    facts = {
        "equals the gradient": "always" if rule.exact else rule.exact_when or "never, as far as is known",
        "reads of forward weights": rule.transports,
        "phases of an update": str(rule.phases),
        "memory": rule.memory or "that of the stream",
        "operations": rule.operations or "those of the stream",
        "settings": escape(str(rule.settings)) if rule.settings is not None else "",
    }
    parts += ["## Where it is exact, and what it costs", "| | |\n| --- | --- |\n" + "\n".join(f"| {key} | {value} |" for key, value in facts.items() if value)]
    for what, title in MEASURED.items():
        parts += [f"## {title}", measured(what, name)] if measured(what, name) else []
    parts += ["## Try it", f"```python\n{example(kind, name)}```", "## Cite", f"```bibtex\n{bibtex(rule.citation)}\n```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def example(kind: str, name: str) -> str:
    """Ten lines that run."""
    text = EXAMPLES[kind].format(name=name, sizes=SIZES.get(name, "[16]"))
    return ENERGY + text if name == "EquilibriumPropagation" else text


def symbols(equation: str) -> str:
    """Explain the symbols that an equation uses, with their names in the code."""
    plain = re.sub(r"\\(?:mathrm|text)\{[^}]*\}", " ", equation)
    rows = []
    for row in csv.DictReader(SYMBOLS.read_text(encoding="utf-8").splitlines()):
        if re.search(rf"(?<![A-Za-z\\]){re.escape(row['symbol'])}(?![A-Za-z'])", plain):
            rows.append(f"| \\({row['symbol']}\\) | `{row['code']}` | {row['meaning']} |")
    return "\n".join(["| symbol | in the code | what it is |", "| --- | --- | --- |", *rows])


def needs(rule: CreditRule) -> str:
    """Table of the signals and where a synapse finds each."""
    rows = [f"| `{signal}` | {place} |" for signal, place in rule.needs.items()]
    return "\n".join(["| signal | found at |", "| --- | --- |", *rows]) if rows else ""


def drawing(rule: CreditRule) -> str:
    """Draw a synapse between two cells with the signals that reach it, as SVG."""
    at: dict[str, list[str]] = {}
    for signal, place in rule.needs.items():
        at.setdefault(place, []).append(signal)
    spots = {"pre": (95, 96, "#0072B2"), "post": (505, 96, "#009E73"), "broadcast": (300, 14, "#CC79A7"), "synapse": (300, 118, "#666666"), "nonlocal": (300, 196, "#D55E00"), "constant": (300, 216, "#999999")}
    rows = max([len(one) for place, one in at.items() if place in ("pre", "post")] or [1])
    lines = ['<line x1="150" y1="70" x2="440" y2="70" stroke="#444" stroke-width="2"/><circle cx="445" cy="70" r="6" fill="#444"/>']
    for place, label in (("pre", "presynaptic cell"), ("post", "postsynaptic cell")):
        x, _, colour = spots[place]
        lines.append(f'<circle cx="{x}" cy="70" r="40" fill="{colour}" fill-opacity=".15" stroke="{colour}"/><text x="{x}" y="20" text-anchor="middle" fill="currentColor" font-weight="bold">{label}</text>')
    for place, some in at.items():
        x, y, colour = spots[place]
        words = {"broadcast": "broadcast: ", "nonlocal": "not at hand locally: ", "synapse": "in the synapse: ", "constant": "constant: "}.get(place, "")
        if place in ("pre", "post"):
            lines += [f'<text x="{x}" y="{y + 32 + 15 * k}" text-anchor="middle" fill="{colour}">{escape(one)}</text>' for k, one in enumerate(some)]
        else:
            y = y if place not in ("nonlocal", "constant") else y - 46 + 15 * rows
            lines.append(f'<text x="{x}" y="{y + 24}" text-anchor="middle" fill="{colour}">{words}{escape(", ".join(some))}</text>')
    return f'<svg viewBox="0 0 600 {210 + 15 * rows}" style="max-width:36rem;font:13px sans-serif" role="img" aria-label="signals at a synapse">{"".join(lines)}</svg>'


def measured(what: str, name: str) -> str:
    """Rows about a rule in a table that the audit or the bench has left; nothing where there is none."""
    found = sorted(ROOT.glob(f"protocols/**/{what}*.csv"))
    rows = [row for path in found for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if name in (row.get("rule"), row.get("pathway"), row.get("name"))]
    if not rows:
        return ""
    head = list(dict.fromkeys(key for row in rows for key in row))
    lines = [head, ["---"] * len(head), *([row.get(key) or "" for key in head] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
