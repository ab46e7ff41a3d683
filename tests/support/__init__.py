"""Helpers of the tests: servers, recordings, recognisers, clocks."""
