"""Faults between a client and its service, for this package's client and for others."""
