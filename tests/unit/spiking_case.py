"""Small spiking networks that do spike, and automatic differentiation with stop-gradients as their oracle."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits import ALIF, LIF, Batch, SpikingRNN

STEPS, TRIALS = 14, 2
CELLS = {
    "LIF": LIF(tau=8.0, threshold=0.3, refractory=2.0, current_gain="unit"),
    "ALIF": ALIF(tau=8.0, threshold=0.3, beta=0.3, tau_adaptation=30.0, current_gain="unit", adaptation_gain="unit"),
    "effective": ALIF(tau=8.0, threshold=0.3, beta=0.3, tau_adaptation=30.0, current_gain="unit", scale="effective"),
}


def network(rule: str = "bptt", cells: str = "ALIF", **settings: Any) -> SpikingRNN:
    """Seven cells of two types, three inputs, two outputs; regression at every step."""
    fixed = {
        "loss": "half_squared_error",
        "answer": "every",
        "dtype": jnp.float64,
        "cells": CELLS[cells] if isinstance(cells, str) else cells,
    }
    fixed |= {"scale": 0.35, "mu": 0.2, "seed": 1, "tau_out": None, "signs": {"A": 0, "B": 0}}
    types = settings.pop("neurons", {"A": 3, "B": 4})
    return SpikingRNN({"x": 3}, types, {"y": 2}, rule=rule, **{**fixed, **settings})


def trials(steps: int = STEPS) -> Batch:
    """Random input spikes and targets."""
    rng = np.random.default_rng(0)
    x = (rng.random((TRIALS, steps, 3)) < 0.5).astype(float)
    return Batch({"x": jnp.asarray(x)}, {"y": jnp.asarray(rng.normal(size=(TRIALS, steps, 2)))})


@jax.custom_jvp
def spike(v: jax.Array, moment: jax.Array, psi: jax.Array, way: jax.Array) -> jax.Array:
    """Fire above threshold, with derivative psi by the voltage and -psi way by the threshold."""
    return (v > moment).astype(v.dtype)


@spike.defjvp
def _spike_jvp(values: tuple, tangents: tuple) -> tuple:
    v, moment, psi, way = values
    return spike(v, moment, psi, way), psi * (tangents[0] - way * tangents[1])


def autodiff(net: SpikingRNN, batch: Batch, *, reset: bool = True, others: bool = True) -> dict:
    """Gradient of the loss by JAX, the reset or the spikes of other cells hidden from it; written out here."""
    tree = net.read()
    stop = jax.lax.stop_gradient
    effective = getattr(net.network.cell, "scale", "base") == "effective"
    x, target = batch.inputs["x"].swapaxes(0, 1), batch.targets["y"].swapaxes(0, 1)
    beta, rho, ca = (tree.get(name, jnp.zeros(())) for name in ("beta", "rho", "adaptation_gain"))

    def loss(w_in: jax.Array, w_rec: jax.Array) -> jax.Array:
        rest = jnp.zeros((x.shape[1], w_rec.shape[0]))

        def step(carry: tuple, now: tuple) -> tuple:
            v, b, z, seen, dead = carry
            b = rho * b + ca * z
            current = now[0] @ w_in + (z if others else stop(z)) @ w_rec
            v = tree["alpha"] * v + tree["current_gain"] * current - tree["threshold"] * (z if reset else stop(z))
            moment = tree["threshold"] + beta * b
            scale = stop(moment) if effective else jnp.broadcast_to(tree["threshold"], v.shape)
            psi = tree["dampening"] / scale * jnp.maximum(0, 1 - jnp.abs(stop(v - moment) / scale)) * (dead <= 0)
            way = stop(v / moment) if effective else jnp.ones_like(v)
            z = spike(v, moment, psi, way) * (dead <= 0)
            dead = jnp.where(z > 0, tree["dead_steps"], jnp.maximum(dead - 1, 0))
            seen = z if "readout_keep" not in tree else tree["readout_keep"] * seen + tree["readout_gain"] * z
            error = seen @ tree["W_out"] + tree["b_out"][None] - now[1]
            return (v, b, z, seen, dead), 0.5 * jnp.sum(error**2)

        return jax.lax.scan(step, (rest,) * 5, (x, target))[1].sum() / x.shape[1]

    w_in, w_rec = jax.jit(jax.grad(loss, (0, 1)))(tree["W_in"], tree["W_rec"])
    return {"W_in": w_in, "W_rec": w_rec * tree["mask_rec"]}
