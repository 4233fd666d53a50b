"""The engines: one file each, known to the rest by their entry points alone."""
