"""Where runs run: in this process, in a pool, on Dask or SLURM."""
