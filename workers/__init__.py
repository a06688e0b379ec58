"""The farm's workers. A room is one kind of worker: Lean, embed or premises."""
