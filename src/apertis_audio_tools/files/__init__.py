"""Folders an agent may use, recordings in folders, atomic files and paths."""
