from __future__ import annotations

import struct
import zipfile

import pytest

from portevoix.errors import ModelBroken, ModelUnsupported
from portevoix.rooms.weights import check_archive, check_safetensors
from tests.housed_models import safetensors

WHOLE = safetensors({"text.weight": [704, 4], "other": [2]})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.safetensors"


def test_a_whole_file_of_the_right_network_passes(file):
    file.write_bytes(WHOLE)
    check_safetensors(file, {"text.weight": (704,), "other": ()})


@pytest.mark.parametrize("content", [
    b"", b"x", WHOLE[:6], WHOLE[:40], WHOLE[:-1], WHOLE + b"x", struct.pack("<Q", 2**60) + b"{}",
    struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 9) + b'{"a": 12}',
    struct.pack("<Q", 4) + b"\xff\xff\xff\xff", b"<html>captive portal</html>",
])  # fmt: skip
def test_a_damaged_file_is_known_without_reading_its_weights(file, content):
    file.write_bytes(content)
    with pytest.raises(ModelBroken, match="damaged") as error:
        check_safetensors(file, {})
    assert error.value.why


@pytest.mark.parametrize(("shapes", "words"), [({"gone": ()}, "no gone"), ({"text.weight": (2454,)}, "shape")])
def test_weights_of_another_network_are_known(file, shapes, words):
    file.write_bytes(WHOLE)
    with pytest.raises(ModelUnsupported, match=words):
        check_safetensors(file, shapes)


def test_a_saved_archive_is_whole_or_not(tmp_path):
    path = tmp_path / "s3gen.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x" * 1000)
    check_archive(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ModelBroken):
        check_archive(path)
