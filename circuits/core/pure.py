"""The bridge from a BrainPy system to pure functions."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.backend import bp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import CircuitError
from brainstate.random import RandomState
from brainstate.transform import StatefulFunction


class PureSystem:
    """A pure view of ``system.update``: ``step(tree, *inputs) -> (tree, output)``.

    The system is traced once. The tree holds every variable that ``update`` uses, weights and activity alike,
    keyed by relative name, so that ``jax.jit``, ``jax.vmap``, ``jax.grad`` and ``jax.lax.scan`` apply to ``step``
    without the hazards of raw JAX transformations on a stateful object.

    Parameters
    ----------
    system
        Any BrainPy dynamical system.
    example
        Inputs of one step, for their shapes and types.

    Raises
    ------
    CircuitError
        If ``update`` uses a variable that is not registered on the system (for example in a plain list).
    """

    def __init__(self, system: bp.DynamicalSystem, *example: Any):
        paths = {id(variable): name for name, variable in system.vars(method="relative").unique().items()}
        self._function = StatefulFunction(system.update, return_only_write=False)
        self._function.make_jaxpr(*example)
        self._states = self._function.get_states(*example)
        names = ["random" if isinstance(state, RandomState) else paths.get(id(state)) for state in self._states]
        if None in names:
            raise CircuitError("update() uses a variable that is not registered on the system: keep it in an attribute")
        self.names = tuple(names)

    def read(self) -> Tree:
        """Copy the present value of every variable."""
        return {name: jax.tree.map(jnp.copy, state.value) for name, state in zip(self.names, self._states, strict=True)}

    def write(self, tree: Tree) -> None:
        """Put values back into the system, for a look at it in a notebook."""
        for name, state in zip(self.names, self._states, strict=True):
            state.restore_value(tree[name])

    def step(self, tree: Tree, *inputs: Any) -> tuple[Tree, Any]:
        """Advance by one time step."""
        values, output = self._function.jaxpr_call([tree[name] for name in self.names], *inputs)
        return dict(zip(self.names, values, strict=True)), output

    def run(self, tree: Tree, *inputs: Any) -> tuple[Tree, Any]:
        """Advance over the leading (time) axis of the inputs in one scan."""
        return jax.lax.scan(lambda carry, now: self.step(carry, *now), tree, inputs)
