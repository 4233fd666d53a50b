"""The calls of ElevenLabs' text-to-speech API: REST, and two WebSockets for text that is still being written."""
