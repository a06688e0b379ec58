"""Adapters for frameworks that train or measure provers; each framework is needed only by its own module."""
