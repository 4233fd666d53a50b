"""Models on disk: what is there, what is missing, what is broken."""
