"""Leaky rate networks with cell types, and the temporal credit rules that can train them."""
