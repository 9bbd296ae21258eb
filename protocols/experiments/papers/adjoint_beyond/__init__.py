"""Adjoint Propagation where its authors have not tried it: in running time, and with spikes."""
