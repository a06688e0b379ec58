"""Holding a submission to its statement: the farm's own Lean commands, and how their answers are read."""
