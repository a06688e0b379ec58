"""Adapters for frameworks that train or measure provers; each module needs its framework, and no other does."""
