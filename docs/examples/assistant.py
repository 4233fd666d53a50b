"""A voice assistant that plays what it says, and prints who spoke and how fast.

It says each line of its standard input: `python assistant.py [CONFIGURATION]`.
"""

from __future__ import annotations

import asyncio
import sys

from portevoix import TTSResult, UnifiedTTSManager
from portevoix.sound import open_player
from portevoix.system.samples import samples_from_wav


async def process_tts(manager: UnifiedTTSManager, text: str) -> TTSResult:
    """Say a text, and return once it has been played."""
    result = await manager.synthesize(text)
    if result.audio_data is None:
        print(result.error, file=sys.stderr)
        return result
    print(f"{result.backend_used} in {result.latency_ms:.0f} ms", flush=True)
    await asyncio.to_thread(play, result.audio_data)
    return result


def play(audio: bytes) -> None:
    """Play a WAV file; blocks until it has been heard. Raises `NoSoundDevice` where nothing can play."""
    samples, sample_rate = samples_from_wav(audio)
    player = open_player(sample_rate)
    try:
        player.write(samples)
        player.close()
    finally:
        player.abort()


async def main(*configuration: str) -> None:
    """Say line after line."""
    async with UnifiedTTSManager(*configuration) as manager:
        while line := await asyncio.to_thread(sys.stdin.readline):
            await process_tts(manager, line)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
