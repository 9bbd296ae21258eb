"""One folder a paper: its experiments and the numbers that were published."""
