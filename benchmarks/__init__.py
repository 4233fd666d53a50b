"""Measure Portevoix beside stock piper-tts and sherpa-onnx, on the same voices, in turns."""
