"""Direct feedback alignment in the program of Frenkel et al.: the same files as of direct random target projection."""

from tests.conformance.adapters.drtp import replay

__all__ = ["replay"]
