"""Worker processes: what may crash, leak or hang lives in a process of its own."""
