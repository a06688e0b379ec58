"""Checks that a submission proves its statement, by means of the farm's own Lean commands."""
