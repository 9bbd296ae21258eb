"""What the replays of self-assembling learning share: a circuit from names and settings of a file, and its updates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways.self_assembling import KINDS, PerKind, PerKindTraining, SelfAssembling

from tests.conformance.dual_streams import Arrays, Trainer, batch
from tests.conformance.harness import Check

LOSSES = {"mse": "half_squared_error", "ce": "soft_cross_entropy"}
GATED = ("W", "Wbar")


def per_kind(case: Arrays, what: str) -> PerKind:
    """One number of the file for each kind."""
    return PerKind(*(float(case[f"{what}_{kind}"]) for kind in KINDS))


def build(case: Arrays, plastic: tuple[str, ...], suffix: str) -> DualStream:
    """The circuit of a case with the file's weights."""
    settings = {"gated": tuple(kind for kind in GATED if case[f"gate_{kind}"])} if "gate_W" in case else {}
    transfer = str(case["downstream_activation"])
    widths = tuple(case["sizes_down"].tolist()[1:-1])
    stream = SelfAssembling(widths=widths, transfer=transfer, plastic=plastic, **settings)
    net = bare(case, stream)
    net.write({ours: case[f"{theirs}{suffix}"] for ours, theirs in our_names(case).items()})
    return net


def bare(case: Arrays, descending: Any, **options: Any) -> DualStream:
    """A circuit with the file's ascending sizes and loss."""
    loss = LOSSES[str(case["loss_kind"])]
    sizes = case["sizes_up"].tolist()
    return DualStream.mlp(sizes, descending, bias=False, loss=loss, dtype=jnp.float64, **options)


def our_names(case: Arrays) -> dict[str, str]:
    """Our weights, with the file's names."""
    last = len(case["sizes_up"]) - 1
    names = {f"up.layer{level}.W": f"W{level - 1}" for level in range(1, last + 1)}
    for level in range(1, last):
        names |= {f"down.rate{level}.{kind}": f"{kind}{level}" for kind in ("V", "Vbar")}
        names[f"down.layer{level + 1}.Wbar"] = f"Wbar{level}"
    return names


def our_signals(case: Arrays) -> dict[str, tuple[str, str]]:
    """The file's signals, with our name and phase."""
    last = len(case["sizes_up"]) - 1
    found = {"error": (f"down.layer{last}.rate", "learning"), f"h{last}": (f"up.layer{last}.potential", "inference")}
    for level in range(1, last + 1):
        found[f"p{level}"] = (f"up.layer{level}.potential", "inference")
    for level in range(1, last):
        found[f"h{level}"] = (f"up.rate{level}.rate", "inference")
        found[f"u{level}"] = (f"up.rate{level}.current", "learning")
        for theirs, ours in {"pbar": "potential", "hbar": "rate", "ubar": "current"}.items():
            found[f"{theirs}{level}"] = (f"down.rate{level}.{ours}", "learning")
    return found


def lateral_pairs(case: Arrays, tree: Any) -> list[tuple[Any, Any]]:
    """V and its partner at every level."""
    names = {theirs: ours for ours, theirs in our_names(case).items()}
    inner = range(1, len(case["sizes_up"]) - 1)
    return [(tree[names[f"V{level}"]], tree[names[f"Vbar{level}"]]) for level in inner]


@dataclass
class Run:
    """A circuit that sees the file's batch again and again."""

    case: Arrays
    plastic: tuple[str, ...]

    def __post_init__(self) -> None:
        self.net = build(self.case, self.plastic, "_init")
        self.decay = per_kind(self.case, "gamma")
        self.trainer = Trainer(self.net, PerKindTraining(per_kind(self.case, "eta"), self.decay).optimizer())
        self.batch = batch(self.case["x"], self.case["target"])
        self.cycle = jax.jit(lambda tree: self.net.cycle(tree, self.batch))

    @property
    def tree(self) -> Any:
        """Weights as they are now."""
        return self.trainer.tree

    @property
    def loss(self) -> Any:
        """Loss as it is now."""
        return self.cycle(self.tree).metrics["loss"]

    def step(self) -> None:
        """One update."""
        self.trainer.apply(self.cycle(self.tree))

    def weights(self, suffix: str) -> Iterator[Check]:
        """All weights that the file has with this suffix."""
        for ours, theirs in our_names(self.case).items():
            if f"{theirs}{suffix}" in self.case:
                yield Check(f"{theirs}{suffix}", self.tree[ours])
