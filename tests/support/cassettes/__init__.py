"""Cassettes: recorded answers of the service, and the evidence that they were recorded."""
