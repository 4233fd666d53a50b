"""Sentences that were spoken before: keys, recordings, two tiers, and one producer for many listeners."""
