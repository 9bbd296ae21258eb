"""Settings of what is measured. A part of this kind has ``make(net, alike)``, which returns a measure.

``alike(rule)`` builds the same circuit with another rule. A part may list ``records`` besides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biocredit.protocols.recording.measures.measure import Measure
    from biocredit.protocols.recording.record import Record

Alike = Callable[[str], Any]


class Measured:
    """What settings of a measurement say; a subclass defines :meth:`make`."""

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        raise TypeError(f"{type(self).__name__} does not define make")

    def records(self, net: Any) -> "list[Record]":
        """List what is recorded at every update besides."""
        return []


@dataclass(frozen=True)
class Alignment(Measured):
    """Angle and norm ratio of forward and feedback weights."""

    every: int = 1

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.alignment import alignment

        return alignment(self.every)


@dataclass(frozen=True)
class Reciprocity(Measured):
    """Correlation of reciprocal synapses."""

    every: int = 1

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.alignment import reciprocity

        return reciprocity(self.every)


@dataclass(frozen=True)
class AngleToGradient(Measured):
    """Angle between the changes and the gradient."""

    trials: int = 500
    every: int = 1

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.alignment import angle_to_gradient

        return angle_to_gradient(self.trials, self.every)


@dataclass(frozen=True)
class ExpansionSpectrum(Measured):
    """Eigenvalues of the path that the error takes through an expansion."""

    layer: str = "layer1"

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.alignment import expansion_spectrum

        return expansion_spectrum(self.layer)


@dataclass(frozen=True)
class LimitOfPath(Measured):
    """Angle that the path of the error ends at."""

    layer: str = "layer1"

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.alignment import limit_of_path

        return limit_of_path(self.layer)


@dataclass(frozen=True)
class PsychometricCurve(Measured):
    """Psychometric curve: largest orientation (degrees, in steps of one) and images of each."""

    largest: int = 12
    trials: int = 100

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.measure import psychometric_curve

        return psychometric_curve(self.largest, self.trials)


@dataclass(frozen=True)
class GradientAngles(Measured):
    """Angles of other rules' gradients with that of the rule that learns, at the same weights, after every epoch."""

    rules: tuple[str, ...] = ()

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.gradient_angles import gradient_angles

        return gradient_angles({rule: alike(rule) for rule in self.rules})


@dataclass(frozen=True)
class SimilarityOfStreams(Measured):
    """Centred kernel alignment of all pairs of levels of two streams."""

    trials: int = 500
    every: int = 1

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures import streams

        return streams.similarity_of_streams(len(streams.facing_names(net)), self.trials, self.every)


@dataclass(frozen=True)
class EmbeddingOfStreams(Measured):
    """t-SNE of both streams at some levels, counted from the input."""

    levels: tuple[int, ...] = ()
    trials: int = 500
    every: int = 1

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.streams import embedding_of_streams

        return embedding_of_streams(self.levels, self.trials, self.every)


@dataclass(frozen=True)
class CosineOfWeights(Measured):
    """Cosine of every ascending weight array and the descending one beside it."""

    every: int = 1

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.streams import weights_facing

        return weights_facing(net, self.every)


@dataclass(frozen=True)
class DistanceToRecording(Measured):
    """Distance from recorded neurons and error in the same trials, see ``recorded_neurons.distance_to_recording``."""

    recording: str = "hatsopoulos2007"
    zero_ms: float = 1860.0
    measures: tuple[str, ...] = ("procrustes", "cka", "cca")
    every: int = 10

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.recorded_neurons import distance_to_recording

        return distance_to_recording(self.recording, self.zero_ms, self.measures, self.every)


@dataclass(frozen=True)
class HeldOutConditions(Measured):
    """Distance from recorded neurons in conditions that were not fitted."""

    recording: str = "hatsopoulos2007"
    zero_ms: float = 1860.0
    measure: str = "procrustes"

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.recorded_neurons import held_out_conditions

        return held_out_conditions(self.recording, self.zero_ms, self.measure)


@dataclass(frozen=True)
class HalvesOfNeurons(Measured):
    """Distances between halves of recorded neurons, and of the network from a half."""

    recording: str = "hatsopoulos2007"
    zero_ms: float = 1860.0
    measure: str = "procrustes"
    draws: int = 50

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.recorded_neurons import halves_of_neurons

        return halves_of_neurons(self.recording, self.zero_ms, self.measure, self.draws)


@dataclass(frozen=True)
class FirstKernels(Measured):
    """Spatial frequencies of the kernels of a convolution."""

    path: str = "conv1"

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.streams import first_kernels

        return first_kernels(self.path)


@dataclass(frozen=True)
class Operations(Measured):
    """Operations for one sample and one update, counted and by formula."""

    rules: tuple[str, ...] = ("bp", "ccl_released")
    batch_sizes: tuple[int, ...] = (32, 256)

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        from biocredit.protocols.recording.measures.streams import operation_count

        return operation_count(self.rules, self.batch_sizes)


@dataclass(frozen=True)
class EffectiveRanks(Measured):
    """Effective rank (Roy and Vetterli 2007) of the ascending weights, and of W W^T, before and after learning."""

    def make(self, net: Any, alike: Alike) -> "Measure":
        """Make the measure."""
        import numpy as np
        from biocredit.analysis.metrics.representation import effective_rank, effective_rank_of_gram
        from biocredit.protocols.recording.measures.measure import Measure

        names = [name for name in net.plastic if name.startswith("up.layer") and name.endswith(".W")]
        ranks = {"effective_rank": effective_rank, "effective_rank_of_gram": effective_rank_of_gram}

        def of(run: Any) -> dict[str, np.ndarray]:
            drawn = [run.circuit.initial(seed) for seed in run.seeds]
            weights = {
                "before": {name: np.stack([tree[name] for tree in drawn]) for name in names},
                "after": {name: np.asarray(run.tree[name], np.float64) for name in names},
            }
            return {
                f"{rank}.{moment}": np.array([[measure(w) for w in trees[name]] for name in names]).T
                for rank, measure in ranks.items()
                for moment, trees in weights.items()
            }

        axis = (np.arange(1.0, len(names) + 1), "1", "ascending layer, from the bottom up")
        return Measure(of, {"layer": axis}, "effective rank of ascending weights")

    def records(self, net: Any) -> "list[Record]":
        """Record the distance of V from its transposed partner at every level of a self-assembling circuit."""
        from biocredit.protocols.recording.record import Record

        def distance(level: str) -> "Record":
            v, vbar = f"down.{level}.V", f"down.{level}.Vbar"

            def misalignment(signals: Mapping) -> Any:
                import jax.numpy as jnp

                return jnp.linalg.norm(signals[v] - signals[vbar].T)

            return Record(of=misalignment, name=f"misalignment.{level}")

        return [distance(name.split(".")[1]) for name in net.read() if name.endswith(".Vbar")]
