"""API keys that a service repeats, and detection of them."""
