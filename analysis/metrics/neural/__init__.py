"""How near the activity of a model is to a recording: shape distance, CKA, CCA, dynamical similarity."""
