"""Neural similarity (arXiv 2506.06904)."""
