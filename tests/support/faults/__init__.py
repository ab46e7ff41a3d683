"""What goes wrong between a client and its service: one table, for us and for others."""
