"""The workers, one room per kind."""
