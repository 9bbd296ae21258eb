"""The machinery that the temporal credit rules share: traces, credit that comes back, memories of running rules."""
