"""Adapters for frameworks that train or measure provers; only the module of a framework needs it."""
