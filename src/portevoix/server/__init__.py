"""The HTTP server: protocols in, the house's speech out."""
