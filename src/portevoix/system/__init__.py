"""The voices that a system brings along, as blocking synthesizers; each is meant to live in a room."""
