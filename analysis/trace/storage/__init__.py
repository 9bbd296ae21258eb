"""Files whose changes reach the disk all together or not at all."""
