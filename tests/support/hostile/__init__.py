"""Recordings that are broken, enormous or point elsewhere, and what is done to them."""
