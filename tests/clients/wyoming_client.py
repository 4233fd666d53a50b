"""wyoming: describe, speak at once, and speak text that arrives in pieces. Usage: URL FOLDER TEXT, the URL being tcp://."""

import asyncio
import sys
from pathlib import Path

from wyoming.audio import AudioChunk
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

url, folder, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]


async def hear(client: AsyncClient, name: str, last: str) -> None:
    rate, audio = 0, b""
    while (event := await client.read_event()) is not None:
        assert not Error.is_type(event.type), Error.from_event(event).text
        if AudioChunk.is_type(event.type):
            chunk = AudioChunk.from_event(event)
            rate, audio = chunk.rate, audio + chunk.audio
        if event.type == last:
            break
    (folder / f"{name}.{rate}.s16").write_bytes(audio)


async def main() -> None:
    async with AsyncClient.from_uri(url) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
        voice = SynthesizeVoice(name=info.tts[0].voices[0].name)
        await client.write_event(Synthesize(text, voice=voice).event())
        await hear(client, "whole", "audio-stop")
        await client.write_event(SynthesizeStart(voice=voice).event())
        for word in text.split(" "):
            await client.write_event(SynthesizeChunk(word + " ").event())
        await client.write_event(Synthesize(text, voice=voice).event())
        await client.write_event(SynthesizeStop().event())
        await hear(client, "pieces", SynthesizeStopped().event().type)


asyncio.run(main())
