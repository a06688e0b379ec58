"""Adapters for frameworks that train or measure provers. Each module needs only the framework that it is for."""
