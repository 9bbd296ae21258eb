"""The bench: every rule on the same task, the same circuit size, the same budget of tuning, under the same measures.

A bench is data: rows of rules (:class:`~biocredit.protocols.experiments.bench.rows.RuleRow`), of tasks, and of variants
(what is done besides), over one configuration. :mod:`~biocredit.protocols.experiments.bench.search` writes the tuning
protocol down and carries it out; :mod:`~biocredit.protocols.experiments.bench.plan` says which runs there are. Where
and how runs run is :mod:`biocredit.protocols.execution`; what is made of their traces,
:mod:`biocredit.analysis.reports.bench`.
"""

from importlib import import_module

from biocredit.protocols.experiments.bench.rows import Bench

#: Benches by name, each a file here with a table ``BENCH``.
BENCHES = ("static", "temporal")


def bench_named(name: str) -> Bench:
    """Return a bench by name."""
    return import_module(f"biocredit.protocols.experiments.bench.{name}").BENCH
