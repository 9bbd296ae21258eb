"""What every circuit is made of: base class, register, probes, rules, weights, losses, numerics."""
