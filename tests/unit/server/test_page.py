from __future__ import annotations

import base64
import hashlib
import re

from portevoix.server.page import content_policy
from tests.scripted import kind
from tests.served import connected, make_app


async def page():
    async with connected(make_app(kind("alpha"))) as client:
        return await client.get("/")


async def test_may_run_its_own_script_and_nothing_else():
    answer = await page()
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind_ in ("script", "style"):
        (content,) = re.findall(f"<{kind_}>(.*?)</{kind_}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind_}-src 'sha256-{digest}'" in policy


async def test_needs_nobody_else():
    text = (await page()).text
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", text)
    assert not re.findall(r"<[^>]+\s(?:on\w+|style)=", text), "the policy would not let it"


async def test_says_the_same_in_both_languages():
    text = (await page()).text
    english, french = re.findall(r"^  (?:en|fr): \{(.*?)^  \},", text, re.DOTALL | re.MULTILINE)
    words = [re.findall(r'(?:^|[ ,])(\w+): "', part, re.MULTILINE) for part in (english, french)]
    assert words[0] == words[1]
    used = set(re.findall(r'data-say="(\w+)"', text)) | set(re.findall(r'\bsay\("(\w+)"', text))
    assert used <= set(words[0])


async def test_every_field_has_its_label():
    text = (await page()).text
    fields = re.findall(r'<(?:textarea|select|input)[^>]*\bid="(\w+)"', text)
    assert len(fields) == 5
    assert all(f'<label for="{field}"' in text for field in fields)


def test_a_policy_follows_the_page():
    assert content_policy("<script>1</script><style></style>") != content_policy("<script>2</script><style></style>")
