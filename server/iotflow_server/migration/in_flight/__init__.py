"""Durable marks of what is being written to both stores (docs/adr/0021)."""
