"""livekit-plugins-openai and -elevenlabs: both models' ways, and text word by word. Usage: URL FOLDER TEXT."""

import asyncio
import sys
import wave
from pathlib import Path

import aiohttp
from livekit.plugins import elevenlabs, openai

url, folder, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]


async def collect(events, name: str) -> list:
    frames, words = [], []
    async for event in events:
        frames.append(event.frame)
        words += event.frame.userdata.get("lk.timed_transcripts", [])
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(frames[0].num_channels)
        file.setsampwidth(2)
        file.setframerate(frames[0].sample_rate)
        file.writeframes(b"".join(bytes(frame.data) for frame in frames))
    return words


async def speak_whole(model: str) -> None:
    voice = openai.TTS(model=model, voice="alloy", base_url=f"{url}/v1", api_key="unused")
    async with voice.synthesize(text) as events:
        await collect(events, f"openai-{model}")
    await voice.aclose()


async def speak_pieces() -> None:
    async with aiohttp.ClientSession() as session:
        voice = elevenlabs.TTS(
            base_url=f"{url}/v1", api_key="unused", voice_id="alloy", http_session=session, sync_alignment=True,
            encoding="pcm_24000",
        )  # fmt: skip
        async with voice.synthesize(text) as events:
            await collect(events, "elevenlabs-whole")
        async with voice.stream() as stream:
            for word in text.split(" "):
                stream.push_text(word + " ")
            stream.end_input()
            words = await collect(stream, "elevenlabs-pieces")
        assert words, "no word had a time"
        await voice.aclose()


async def main() -> None:
    await speak_whole("tts-1")
    await speak_whole("gpt-4o-mini-tts")
    await speak_pieces()


asyncio.run(main())
