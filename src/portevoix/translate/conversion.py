"""Turn published Marian or NLLB weights (PyTorch) into a model that translates here without PyTorch.

Runs where transformers, torch and ctranslate2 are installed, and needs nothing else:

    python -m portevoix.translate.conversion SOURCE TARGET
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

VOCABULARIES = ("source.spm", "target.spm", "sentencepiece.bpe.model")
CHECKSUM = "model.bin.sha256"
CHUNK_BYTES = 1 << 20


def convert(source: Path, target: Path, quantization: str = "int8") -> Path:
    """Convert the model in the folder `source` and return the folder `target`, which appears when it is whole.

    Beside the weights lie the vocabularies, and the SHA-256 of the weights: a flipped bit would load in silence.

    Args:
        source: folder with `config.json`, weights, and SentencePiece vocabularies.
        target: where to; must not exist.
        quantization: as `int8` or `float16`.

    Raises:
        FileNotFoundError: `source` lacks its configuration or its vocabularies.
        FileExistsError: `target` exists.
        ValueError: the weights are of no kind that can be converted.
    """
    vocabularies = [name for name in VOCABULARIES if (source / name).is_file()]
    if not (source / "config.json").is_file() or not vocabularies:
        raise FileNotFoundError(f"{source} has no config.json, or none of {', '.join(VOCABULARIES)}")
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    for package in ("torch", "transformers"):
        import_module(package)  # else the converter stumbles over their absence without a word
    from ctranslate2.converters import TransformersConverter

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        made = Path(scratch) / "model"
        TransformersConverter(str(source)).convert(str(made), quantization=quantization)
        for name in vocabularies:
            shutil.copyfile(source / name, made / name)
        (made / CHECKSUM).write_text(f"{digest(made / 'model.bin')}  model.bin\n", encoding="ascii")
        made.rename(target)
    return target


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            content.update(chunk)
    return content.hexdigest()


def main() -> int:
    """Convert what the command line names; say what went wrong in one line."""
    parser = argparse.ArgumentParser(prog="portevoix.translate.conversion", description="Convert translation weights.")
    parser.add_argument("source", type=Path, help="folder with the published weights")
    parser.add_argument("target", type=Path, help="folder to make")
    parser.add_argument("--quantization", default="int8", help="int8 (default), float16, float32 …")
    wanted = parser.parse_args()
    try:
        convert(wanted.source, wanted.target, wanted.quantization)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - this module is a program
        return 1
    print(wanted.target)  # noqa: T201 - the same
    return 0


if __name__ == "__main__":
    sys.exit(main())
