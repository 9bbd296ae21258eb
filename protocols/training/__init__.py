"""Learning: protocols, updates, replicates, order of trials, checkpoints, stopping."""
