"""Text in one language in, text in another out: engines behind one seam, and the way from one to the other.

`translator.Translator` is the whole pipeline; `engine.TranslationEngine` says what an engine is.
"""
