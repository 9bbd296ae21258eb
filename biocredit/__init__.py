"""biocredit: build, run, lesion, audit and compare biologically plausible credit-assignment circuits.

The front door: every public name, looked up when it is first used. ``import biocredit`` alone loads neither JAX nor
matplotlib.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

#: Where each public name lives, below this package; an empty home is a module itself.
HOME = {
    "circuits": "circuits",
    "protocols": "protocols",
    "analysis": "analysis",
    "tasks": "protocols.tasks",
    "interventions": "protocols.interventions",
    "experiments": "protocols.experiments",
    "figures": "analysis.plots.figures",
    "ModularRNN": "circuits",
    "Region": "circuits",
    "Mode": "circuits",
    "Plasticity": "circuits",
    "EquilibriumPropagation": "circuits",
    "PredictiveCoding": "circuits",
    "RateRNN": "circuits",
    "SpikingRNN": "circuits",
    "CTRNN": "circuits",
    "LIF": "circuits",
    "ALIF": "circuits",
    "FiringRate": "circuits",
    "DualStream": "circuits",
    "PhaselessRate": "circuits",
    "PhaselessMicrocircuit": "circuits",
    "Circuit": "circuits",
    "Batch": "circuits",
    "Outcome": "circuits",
    "CircuitError": "circuits",
    "TwoPhase": "protocols",
    "Online": "protocols",
    "audit": "protocols",
    "Record": "protocols",
    "amplitude": "protocols",
    "Measure": "protocols",
    "RunError": "protocols",
    "sweep": "protocols",
    "open_trace": "analysis",
    "Trace": "analysis",
    "TraceError": "analysis",
    "TraceWriter": "analysis",
    "cite": "analysis",
}


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a package whose public names are looked up on first use.

    Parameters
    ----------
    package
        Its ``__name__``.
    homes
        Module below :mod:`biocredit` in which each name lives; a name that ends its home (``"protocols.tasks"`` of
        ``"tasks"``) is that module.

    Raises
    ------
    AttributeError
        From the returned function, for an unknown name; the line says the nearest one.
    """

    def get(name: str) -> Any:
        if name not in homes:
            if name.startswith("__"):
                raise AttributeError(name)
            near = get_close_matches(name, homes, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"valid are {', '.join(sorted(homes))}"
            raise AttributeError(f"{package} has no {name!r}: {hint}")
        home = homes[name]
        module = import_module(f"biocredit.{home}")
        return module if home.rpartition(".")[2] == name else getattr(module, name)

    return get, lambda: sorted(homes)


__all__ = sorted(HOME)
__getattr__, __dir__ = lazily(__name__, HOME)
