"""Reports, bibliography, and ours beside published numbers."""
