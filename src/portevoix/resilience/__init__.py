"""What keeps failures small."""
