"""One adapter a topic: how the arrays of its reference cases are named and laid out. See `tests.conformance`."""
