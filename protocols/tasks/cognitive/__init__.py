"""Cognitive tasks: trials as rows of periods, with a choice in the last one. One file a task."""
