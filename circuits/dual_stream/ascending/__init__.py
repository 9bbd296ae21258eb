"""The ascending stream: stages, operations between them, and stacks of both."""
