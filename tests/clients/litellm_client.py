"""litellm: a whole clip, at once and asynchronously. Usage: URL FOLDER TEXT."""

import asyncio
import sys
from pathlib import Path

import litellm

url, folder, text = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
wish = {
    "model": "openai/tts-1", "input": text, "voice": "alloy", "api_base": f"{url}/v1", "api_key": "unused",
}  # fmt: skip

litellm.speech(**wish).stream_to_file(folder / "default.mp3")
litellm.speech(**wish, response_format="wav").stream_to_file(folder / "whole.wav")
(folder / "async.flac").write_bytes(asyncio.run(litellm.aspeech(**wish, response_format="flac")).content)
