"""Reliability in full: many more cases than the unit tests have time for."""
