"""`POST /translate`: a text in one language in, the text and its speech in another out."""
