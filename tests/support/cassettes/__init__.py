"""Cassettes: recorded responses of the service, and evidence that they were recorded."""
