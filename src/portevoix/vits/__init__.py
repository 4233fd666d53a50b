"""Streaming inside the sentence from any stock Piper (VITS) voice: arrays, ONNX graphs and files, nothing else."""
