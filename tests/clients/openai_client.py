"""openai-python, any version: whole clips in every format, streams, lists, errors. Usage: URL FOLDER TEXT."""

import asyncio
import sys
from pathlib import Path

import openai

url, folder, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)

for name in ("mp3", "opus", "aac", "flac", "wav"):
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format=name)
    spoken.write_to_file(folder / f"whole.{name}")
with client.audio.speech.with_streaming_response.create(
    model="gpt-4o-mini-tts", voice="coral", input=text, response_format="pcm", instructions="Cheerfully."
) as stream:
    (folder / "streamed.s16").write_bytes(b"".join(stream.iter_bytes(1024)))


async def speak_async() -> None:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        spoken = await client.audio.speech.create(model="tts-1-hd", voice="nova", input=text, response_format="wav")
        (folder / "async.wav").write_bytes(spoken.content)


asyncio.run(speak_async())
assert "tts-1" in [model.id for model in client.models.list()]
try:
    client.audio.speech.create(model="tts-1", voice="nobody", input=text)
except openai.NotFoundError as error:
    assert error.body["code"] == "voice_not_found", error.body
else:
    raise AssertionError("an unknown voice was accepted")
