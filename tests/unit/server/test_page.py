from __future__ import annotations

import re
from pathlib import Path

import pytest

from portevoix.server import page
from portevoix.server.page import MEDIA_TYPES
from tests.scripted import kind
from tests.served import connected, make_app

FOLDER = Path(page.__file__).parent / "pages"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
SCRIPTS = {name: (FOLDER / name).read_text("utf-8") for name in FILES if name.endswith(".js")}
MARKUP = (FOLDER / "index.html").read_text("utf-8")
DYNAMIC = ("chain.", "phase.", "outcome.", "activity.", "models.", "theme.", "flag.", "health.")
"""Beginnings of keys of which the scripts make the rest from what the server says."""


async def get(path: str, method: str = "GET", **headers: str):
    async with connected(make_app(kind("alpha"))) as client:
        return await client.request(method, path, headers=headers)


def address(name: str) -> str:
    return "/" if name == "index.html" else f"/{name}"


def words(language: str) -> dict[str, str]:
    found = re.findall(
        r'^ {2}"?([\w.]+)"?: "((?:[^"\\]|\\.)*)",$', SCRIPTS[f"console/words-{language}.js"], re.MULTILINE
    )
    assert len(found) == SCRIPTS[f"console/words-{language}.js"].count('",\n'), "a line that this test cannot read"
    return dict(found)


@pytest.mark.parametrize("name", FILES)
async def test_each_file_has_its_type_and_may_run_nothing_else(name):
    answer = await get(address(name))
    assert answer.status_code == 200
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"].split(";")[0] == MEDIA_TYPES[Path(name).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


async def test_a_browser_that_has_a_file_is_told_so():
    first = await get("/console/main.js")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await get("/console/main.js", **{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await get("/console/main.js", **{"If-None-Match": '"other"'})).status_code == 200
    assert (await get("/console/server.js")).headers["etag"] != tag


@pytest.mark.parametrize("path", ["/", "/console/main.js", "/favicon.ico"])
async def test_the_head_of_a_file_can_be_asked_for(path):
    whole, head = await get(path), await get(path, "HEAD")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize("path", ["/console/none.js", "/console/", "/console/../index.html", "/console/%2e%2e/page.py"])
async def test_there_is_nothing_but_the_files(path):
    assert (await get(path)).status_code == 404


def test_it_is_small():
    assert sum((FOLDER / name).stat().st_size for name in FILES) < 250_000


@pytest.mark.parametrize("name", FILES)
def test_it_needs_nobody_else(name):
    text = (FOLDER / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text)


def test_the_policy_lets_the_page_be_as_it_is():
    assert not re.findall(r"<script(?![^>]*\ssrc=)", MARKUP)
    assert not re.findall(r"<style|<[^>]+\s(?:on\w+|style)=", MARKUP)
    assert not any(
        re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text) for text in SCRIPTS.values()
    )


def test_every_file_is_used_and_there():
    named = set(re.findall(r'(?:href|src)="(console/[^"]+)"', MARKUP))
    named |= {
        f"console/{one}"
        for text in SCRIPTS.values()
        for one in re.findall(r'(?:from|new URL\() ?"(?:\./)?([\w-]+\.js)"', text)
    }
    assert named == set(FILES) - {"index.html"}


def test_it_says_the_same_in_both_languages():
    english, french = words("en"), words("fr")
    assert list(english) == list(french)
    for key, text in english.items():
        assert sorted(set(re.findall(r"\{\d\}", text))) == sorted(set(re.findall(r"\{\d\}", french[key]))), key


def test_it_has_the_words_that_it_uses_and_no_others():
    known = words("en").keys()
    code = "\n".join(text for name, text in SCRIPTS.items() if "words-" not in name)
    marked = set(re.findall(r'data-say(?:-label)?="([\w.]+)"', MARKUP))
    assert marked | set(re.findall(r'\bsay\("([\w.]+)"', code)) <= known
    mentioned = marked | set(re.findall(r'"([a-z]+(?:\.\w+)?)"', code))
    titles = {f"{name}.title" for name in re.findall(r'id="view-(\w+)"', MARKUP)}
    assert {key for key in known - mentioned - titles if not key.startswith(DYNAMIC)} == set()


def test_symbols_that_are_drawn_are_there():
    drawn = set(re.findall(r'"#i-(\w+)"', MARKUP + "".join(SCRIPTS.values())))
    drawn |= {f"{name}" for name in re.findall(r'icon: "(\w+)"', "".join(SCRIPTS.values()))}
    assert drawn == set(re.findall(r'<symbol id="i-(\w+)"', MARKUP))
