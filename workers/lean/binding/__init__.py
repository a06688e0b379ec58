"""Holding a submission to its statement: the farm's own Lean commands, and how Lean's answers to them are read."""
