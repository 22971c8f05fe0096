"""Metrics, probes and the report."""
