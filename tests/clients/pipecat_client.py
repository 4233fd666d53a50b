"""pipecat-ai's OpenAI and ElevenLabs services, inside a pipeline. Usage: URL FOLDER TEXT."""

import asyncio
import sys
import wave
from pathlib import Path

from pipecat.frames.frames import EndFrame, TTSAudioRawFrame, TTSSpeakFrame, TTSStoppedFrame, TTSTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService
from pipecat.services.openai.tts import OpenAITTSService

url, folder, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]


class Ear(FrameProcessor):
    """Keep what is heard, and end the pipeline once it stops."""

    def __init__(self) -> None:
        super().__init__()
        self.audio, self.words, self.rate = b"", [], 0
        self.stopped = asyncio.Event()

    async def process_frame(self, frame, direction) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.audio, self.rate = self.audio + frame.audio, frame.sample_rate
        elif isinstance(frame, TTSTextFrame):
            self.words.append(frame.text)
        elif isinstance(frame, TTSStoppedFrame):
            self.stopped.set()
        await self.push_frame(frame, direction)


async def hear(service, name: str) -> Ear:
    ear = Ear()
    task = PipelineTask(Pipeline([service, ear]), params=PipelineParams(audio_out_sample_rate=24000))
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    await task.queue_frame(TTSSpeakFrame(text))
    await asyncio.wait_for(ear.stopped.wait(), 60)
    await task.queue_frame(EndFrame())
    await asyncio.wait_for(running, 60)
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(ear.rate)
        file.writeframes(ear.audio)
    return ear


async def main() -> None:
    await hear(OpenAITTSService(base_url=f"{url}/v1", api_key="unused", voice="alloy"), "openai")
    socket = url.replace("http://", "ws://")
    ear = await hear(ElevenLabsTTSService(api_key="unused", voice_id="alloy", url=socket), "elevenlabs")
    assert [word.strip(".,") for word in " ".join(ear.words).split()] == [word.strip(".,") for word in text.split()]


asyncio.run(main())
