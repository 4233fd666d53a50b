"""Translation engines, one file for each; none imports another."""
