"""Holding a submission to its statement: the farm's own Lean commands, and what they answer."""
