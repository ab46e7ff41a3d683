"""Conformance suites for what has none elsewhere; usable by any integration."""
