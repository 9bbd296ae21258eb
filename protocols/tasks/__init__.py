"""Tasks: what is shown to a circuit and what is asked of it.

Every lower-case name here is a factory that returns a :class:`biocredit.protocols.tasks.task.Task`. Names are looked
up when they are first used, so that the data commands work without JAX.
"""

from biocredit import lazily

#: Where each public name lives.
HOME = {
    "Task": "protocols.tasks.task",
    "ImageTask": "protocols.tasks.task",
    "joint": "protocols.tasks.wrapped",
    "Period": "protocols.tasks.task",
    "PARTS": "protocols.tasks.task",
    "digits": "protocols.tasks.image_sets",
    "mnist": "protocols.tasks.image_sets",
    "fashion_mnist": "protocols.tasks.image_sets",
    "cifar10": "protocols.tasks.image_sets",
    "images": "protocols.tasks.image_sets",
    "from_arrays": "protocols.tasks.arrays",
    "begun": "protocols.tasks.wrapped",
    "held_out": "protocols.tasks.wrapped",
    "by_validation": "protocols.tasks.wrapped",
    "curriculum": "protocols.tasks.staged",
    "then_another": "protocols.tasks.staged",
    "as_maps": "protocols.tasks.wrapped",
    "reproduce": "protocols.tasks.wrapped",
    "passes": "protocols.tasks.wrapped",
    "gabor_2afc": "protocols.tasks.orientation",
    "delayed_xor": "protocols.tasks.temporal",
    "variable_delay": "protocols.tasks.delays",
    "reach": "protocols.tasks.reaching",
    "pattern_generation": "protocols.tasks.temporal",
    "spiking_pattern": "protocols.tasks.spikes",
    "pixel_by_pixel": "protocols.tasks.temporal",
    "pixel_mnist": "protocols.tasks.temporal",
    "from_gym": "protocols.tasks.gym_like",
    "perceptual_decision": "protocols.tasks.cognitive.perceptual",
    "delayed_response": "protocols.tasks.cognitive.perceptual",
    "context_decision": "protocols.tasks.cognitive.context",
    "multisensory": "protocols.tasks.cognitive.context",
    "delayed_match_to_sample": "protocols.tasks.cognitive.matching",
    "dms_distractors": "protocols.tasks.cognitive.matching",
    "delayed_comparison": "protocols.tasks.cognitive.matching",
    "delayed_paired_association": "protocols.tasks.cognitive.matching",
    "go_nogo": "protocols.tasks.cognitive.responses",
    "anti_reach": "protocols.tasks.cognitive.responses",
    "interval_discrimination": "protocols.tasks.cognitive.intervals",
    "ready_set_go": "protocols.tasks.cognitive.intervals",
    "evidence_accumulation": "protocols.tasks.cognitive.evidence",
    "flip_flop": "protocols.tasks.cognitive.memory",
    "copy_memory": "protocols.tasks.cognitive.memory",
    "adding_problem": "protocols.tasks.cognitive.memory",
    "yang20": "protocols.tasks.cognitive.yang",
}

__all__ = list(HOME)
__getattr__, __dir__ = lazily(__name__, HOME)
