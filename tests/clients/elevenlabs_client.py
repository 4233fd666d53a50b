"""elevenlabs-python: whole clips, streams, text that arrives in pieces, lists. Usage: URL FOLDER TEXT."""

import base64
import sys
from pathlib import Path

from elevenlabs.client import ElevenLabs

url, folder, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
client = ElevenLabs(api_key="unused", base_url=url)
# For text in pieces this client knows TLS alone, which a proxy gives; here it is led to the plain port.
client.text_to_speech._ws_base_url = url.replace("http://", "ws://")


def keep(name: str, pieces) -> None:
    (folder / name).write_bytes(b"".join(pieces))


keep("whole.mp3", client.text_to_speech.convert("alloy", text=text, output_format="mp3_44100_128"))
keep("streamed.s16", client.text_to_speech.stream("alloy", text=text, output_format="pcm_24000"))
words = (word + " " for word in text.split(" "))
keep("pieces.s16", client.text_to_speech.convert_realtime("alloy", text=words, output_format="pcm_24000"))
timed = client.text_to_speech.convert_with_timestamps("alloy", text=text, output_format="pcm_24000")
assert "".join(timed.alignment.characters).strip() == text
keep("timed.s16", [base64.b64decode(timed.audio_base_64)])
lines = list(client.text_to_speech.stream_with_timestamps("alloy", text=text, output_format="pcm_24000"))
assert "".join(letter for line in lines if line.alignment for letter in line.alignment.characters).strip() == text
keep("lines.s16", [base64.b64decode(line.audio_base_64) for line in lines])
assert client.voices.get_all().voices
assert client.voices.search(page_size=1).total_count >= 1
assert client.models.list()
