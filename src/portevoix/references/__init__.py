"""Recordings of people: whether they can be borrowed from, and the voices that are kept of them."""
