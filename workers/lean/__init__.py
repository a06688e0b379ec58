"""The Lean room: runs proofs on LeanInteract, one REPL per process."""
