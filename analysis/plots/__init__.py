"""Figures; each takes traces and returns a matplotlib figure."""
