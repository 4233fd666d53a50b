"""A program that reads lines and writes WAV files, in the manner that its first argument names, for tests."""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import os
import signal
import sys
import time
import wave
from pathlib import Path


def write(path, text, frames=None):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(len(text).to_bytes(2, "little") * (frames or 100))


def main():
    manner, folder = sys.argv[1], Path(sys.argv[2])
    if manner == "gone":
        sys.exit("Unable to find voice: x.onnx")
    if manner == "mute":
        time.sleep(60)
    if manner == "grandchild":
        os.system(f"sleep 300 & echo $! > '{folder}/grandchild'")
    for number, line in enumerate(sys.stdin):
        text = line.rstrip("\n")
        if text == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "hang":
            time.sleep(60)
        path = folder / f"{number}.wav"
        if manner == "early":  # announces the file, then writes it in two halves
            print(path, flush=True)
            write(folder / "whole", text, 50_000)
            whole = (folder / "whole").read_bytes()
            with path.open("wb") as file:
                file.write(whole[:1000])
                file.flush()
                file.write(whole[1000:])
        elif manner == "cut":
            write(path, text, 50_000 if number else 10)
            if number:
                os.truncate(path, 1000)
            print(path, flush=True)
        else:
            write(path, text)
            print(f"a remark about {folder}", flush=True)
            print(f"a remark about {text!r}", flush=True)
            print(f"INFO:__main__:Wrote {path}", file=sys.stderr, flush=True)


main()
