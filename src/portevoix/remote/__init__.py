"""What it takes to let somebody else's speech server speak."""
