"""Credit in networks that spike: e-prop and multidigraph learning."""
