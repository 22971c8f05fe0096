"""Procedural faces with known factors."""
