"""Keeps results of queries (docs/adr/0012)."""
