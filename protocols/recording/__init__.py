"""What is recorded and measured, and how it reaches the trace file."""
