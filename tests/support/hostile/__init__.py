"""Recordings that are broken, enormous or refer to other files, and checks of them."""
