"""Biological plausibility, measured on the running circuit: clamp everything, disturb one thing, see what moves."""
