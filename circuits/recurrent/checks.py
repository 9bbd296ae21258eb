"""What a rate network may be: every bad setting gets one line that says what was got and what is wanted."""

from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.recurrent.network import Network

#: Settings that are one of a few words.
WORDS = {"feedback": ("symmetric", "random", "adaptive"), "answer": ("last", "every"), "reduction": ("mean", "sum")}


def check_settings(dt: float, mu: float, **words: str) -> None:
    """Refuse time steps and gains that make no sense, and words that are not among the valid ones."""
    require(dt > 0, f"dt must be positive (ms), got {dt}")
    require(mu >= 0, f"mu is a mean gain and must be 0 or more, got {mu}")
    for what, word in words.items():
        if what == "answer" and isinstance(word, int) and not isinstance(word, bool):
            require(word >= 1, f"answer must be 'last', 'every' or a number of last steps, got {word}")
            continue
        require(word in WORDS[what], f"unknown {what} {word!r}: {nearest(word, WORDS[what])}")


def check_rule(network: Network, inputs: int, itemsize: int) -> None:
    """Refuse options that the rule does not have, and networks too large for it."""
    rule, taps, truncation = network.rule, network.taps, network.truncation
    if taps is not None:
        require("taps" in rule.needs, f"rule {rule.name!r} has no receptor taps: leave taps=None")
        require(taps >= 1, f"taps must be 1 or more, got {taps}")
        require(truncation is None, "taps and truncation both limit how far credit reaches: give one of them")
    if truncation is not None:
        require("window" in rule.needs, f"rule {rule.name!r} does not look back in time: leave truncation=None")
        require(truncation >= 1, f"truncation must be 1 or more, got {truncation}")
    if rule.check is not None:
        rule.check(len(network.type_id), inputs, itemsize)
