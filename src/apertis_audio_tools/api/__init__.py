"""Requests and responses of each endpoint, as plain functions over values.

One function per endpoint returns a `Call`, or raises `UnsupportedError` for what the service is
known to refuse. Nothing in here touches the network.
"""
