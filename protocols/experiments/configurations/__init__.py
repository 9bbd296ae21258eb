"""Settings of the circuits that experiments are made of."""
