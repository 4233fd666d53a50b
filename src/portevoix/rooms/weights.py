"""A look at weights on disk, before a heavy package is loaded for them: standard library only."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

from portevoix.errors import ModelBroken, ModelUnsupported

LENGTH_BYTES = 8
LONGEST_HEADER_BYTES = 100 << 20
"""What the format allows."""


def check_safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Look whether a safetensors file is whole, and of the network that is expected.

    Args:
        path: the file.
        shapes: the first sizes of some tensors that must be in it.

    Raises:
        ModelBroken: it is no such file, or cut short.
        ModelUnsupported: it is of another network.
    """
    tensors = _header(path)
    for name, sizes in shapes.items():
        found = tensors.get(name, {}).get("shape")
        if found is None:
            raise ModelUnsupported(f"{path.name} is of another model", f"it has no {name}")
        if tuple(found[: len(sizes)]) != sizes:
            raise ModelUnsupported(f"{path.name} is of another model", f"{name} has the shape {found}")


def check_folder(folder: Path) -> None:
    """Look whether all weights in a folder of the hub's layout are whole.

    Raises:
        ModelBroken: a file is damaged.
    """
    for path in sorted(folder.glob("*.safetensors")):
        check_safetensors(path, {})


def check_archive(path: Path) -> None:
    """Look whether a file that PyTorch has saved is whole.

    Raises:
        ModelBroken: it is no such file, or cut short.
    """
    if not zipfile.is_zipfile(path):
        raise ModelBroken(f"{path.name} of {path.parent.name} is damaged", "it is no archive, or cut short")


def _header(path: Path) -> dict[str, Any]:
    """Return what a file says of its tensors, once it is certain that all of them are there."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(LENGTH_BYTES))
            header: Any = json.loads(file.read(length)) if length <= LONGEST_HEADER_BYTES else None
        tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = LENGTH_BYTES + length + max(tensor["data_offsets"][1] for tensor in tensors.values())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
        raise ModelBroken(f"{path.name} of {path.parent.name} is damaged", "its header cannot be read") from error
    if (size := path.stat().st_size) != end:
        raise ModelBroken(f"{path.name} of {path.parent.name} is damaged", f"it has {size} bytes in place of {end}")
    return tensors
