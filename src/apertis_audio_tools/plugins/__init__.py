"""Modules that the entry points of other programs load.

Importing one of them reads no settings, opens no connection and imports nothing large. Invalid
settings are reported when a plugin is used.
"""
