"""Experiments and published numbers of one paper."""
