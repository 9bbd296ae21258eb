"""Interventions: silence, lesion, freeze, scale, delay, add noise; where, when and how much."""

from biocredit.protocols.interventions.check import check
from biocredit.protocols.interventions.declare import (
    AddNoise,
    Delay,
    Freeze,
    Intervention,
    Lesion,
    Scale,
    Silence,
    Window,
    add_noise,
    delay,
    freeze_plasticity,
    lesion,
    parts,
    scale,
    several,
    silence,
)

__all__ = [
    "AddNoise",
    "Delay",
    "Freeze",
    "Intervention",
    "Lesion",
    "Scale",
    "Silence",
    "Window",
    "add_noise",
    "check",
    "delay",
    "freeze_plasticity",
    "lesion",
    "parts",
    "scale",
    "several",
    "silence",
]
