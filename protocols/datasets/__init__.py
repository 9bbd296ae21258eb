"""Image data sets: what files exist, where, their formats."""
