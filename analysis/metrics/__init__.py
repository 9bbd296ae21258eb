"""Numbers from arrays: alignment, similarity, dynamics, behaviour, cost."""
