"""The embedding room: turns goals and new premises into vectors, in batches."""
