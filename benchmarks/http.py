"""The product behind its own server, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np

from benchmarks.doors import free_port, until_ready

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SOURCES = Path(__file__).parent.parent / "src"
CONFIGURATION = """
backends:
  piper_native: {{enabled: true, device: cpu, model_path: {model}}}
  piper_cli: {{enabled: false}}
  sapi_french: {{enabled: false}}
cache: {{enabled: false}}
monitoring: {{prometheus_enabled: false}}
"""


class Http:
    """Portevoix through `POST /v1/audio/speech`, asking for raw samples."""

    name = "portevoix through HTTP"

    def __init__(self, model: Path, folder: Path) -> None:
        """Start the server; it is to be waited for."""
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "server.yaml"
        configuration.write_text(CONFIGURATION.format(model=model.resolve()), encoding="utf-8")
        port = self._port = free_port()
        command = [sys.executable, "-m", "portevoix", "--config", str(configuration), "serve", "--port", str(port)]
        surroundings = {**os.environ, "PYTHONPATH": str(SOURCES)}
        self._server = subprocess.Popen(command, env=surroundings, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self._voice = model.stem
        self.sample_rate = 24000

    async def ready(self) -> None:
        """Wait until the server can be heard."""
        await until_ready(self._port)

    async def speak(self, text: str) -> AsyncGenerator[np.ndarray, None]:
        """Yield float32 samples as they come over the wire."""
        order = {"model": "tts-1", "input": text, "voice": self._voice, "response_format": "pcm"}
        async with self._client.stream("POST", "/v1/audio/speech", json=order) as answer:
            answer.raise_for_status()
            async for block in answer.aiter_bytes():
                yield np.frombuffer(block[: len(block) // 2 * 2], dtype="<i2").astype(np.float32) / 32768

    def close(self) -> None:
        """Stop the server."""
        self._server.terminate()
        self._server.wait(10)
