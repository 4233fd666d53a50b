from __future__ import annotations

import os
import sys

import pytest

from portevoix.rooms.sources import Sources, device_kind, pip_configuration, read_pip_list
from tests.rooms import make_wheel

LISTED = """
:env:.find-links='of the variables'
global.find-links='of a file'
global.index-url='https://index.example/simple'
install.index-url='https://install.example/simple'
global.extra-index-url='https://one.example\\nhttps://two.example'
download.cert='not for installing'
nonsense
"""


def test_what_pip_lists_is_read_variables_before_files() -> None:
    assert read_pip_list(LISTED) == {
        "find-links": "of the variables",
        "index-url": "https://install.example/simple",
        "extra-index-url": "https://one.example\nhttps://two.example",
    }
    assert read_pip_list("") == {}


def test_pip_itself_is_asked(tmp_path) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nfind-links = {tmp_path}\n")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    found = pip_configuration(sys.executable, {**plain, "PIP_CONFIG_FILE": str(settings), "PIP_CERT": "file.pem"})
    assert (found["find-links"], found["cert"]) == (str(tmp_path), "file.pem")
    assert pip_configuration(str(tmp_path / "no-python")) == {}


def test_uv_is_told_what_pip_knows() -> None:
    sources = Sources(torch_index="https://torch.example/cpu").with_pip(read_pip_list(LISTED))
    assert sources.variables({"HOME": "x"}) == {
        "HOME": "x",
        "UV_DEFAULT_INDEX": "https://install.example/simple",
        "UV_INDEX": "https://torch.example/cpu https://one.example https://two.example",
        "UV_FIND_LINKS": "of,the,variables",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_what_is_said_to_uv_itself_stays() -> None:
    told = Sources(index="https://ours.example").variables({"UV_DEFAULT_INDEX": "theirs", "UV_TORCH_BACKEND": "cu130"})
    assert (told["UV_DEFAULT_INDEX"], told["UV_TORCH_BACKEND"]) == ("theirs", "cu130")


def test_the_build_of_torch_is_chosen_by_the_machine_unless_one_lies_ready(tmp_path) -> None:
    assert Sources().variables({})["UV_TORCH_BACKEND"] == "auto"
    assert Sources(wheels=(str(tmp_path),)).variables({})["UV_TORCH_BACKEND"] == "auto"
    make_wheel(tmp_path, "torch", "2.0")
    for place in (str(tmp_path), tmp_path.as_uri()):
        assert "UV_TORCH_BACKEND" not in Sources(wheels=(place,)).variables({})
    assert "UV_TORCH_BACKEND" not in Sources(torch_index="https://torch.example").variables({})


def test_without_a_network_uv_is_told_so() -> None:
    assert Sources(is_offline=True).with_pip({"cert": "x.pem"}).variables({})["UV_OFFLINE"] == "1"


def test_they_survive_the_way_into_another_process() -> None:
    sources = Sources("a", "cpu", "b", ("c", "d"), ("e",), "f", is_offline=True)
    assert Sources.of({**sources.fields(), "wheels": ["e"], "more_indexes": ["c", "d"]}) == sources


@pytest.mark.parametrize(("is_there", "kind"), [(True, "cuda"), (False, "cpu")])
def test_a_driver_tells_the_device(tmp_path, is_there, kind) -> None:
    if is_there:
        (tmp_path / "driver").touch()
    assert device_kind(tmp_path / "driver") == kind
