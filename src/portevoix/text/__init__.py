"""Turn written text into what a voice can say: str to str tools, without any knowledge of engines or audio."""
