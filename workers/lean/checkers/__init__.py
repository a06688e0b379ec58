"""External checkers, which judge an accepted proof once more for the level `attested`."""
