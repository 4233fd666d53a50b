from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from portevoix.errors import InvalidParameter
from portevoix.server.elevenlabs.voice_search import VoiceSearch


def voice(name: str, category: str = "premade", **labels: str) -> dict:
    return {"voice_id": name, "name": name, "description": f"{name} (alpha)", "category": category, "labels": labels,
            "created_at_unix": len(name)}  # fmt: skip


VOICES = [
    voice("siwis", language="fr"),
    voice("amy", language="en"),
    voice("Ada", "cloned", language="en"),
    voice("ryan-high", language="en"),
]


def found(query: str) -> list[str]:
    return [one["voice_id"] for one in VoiceSearch.of(QueryParams(query)).page(VOICES)["voices"]]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["siwis", "amy", "Ada", "ryan-high"]),
        ("search=ADA", ["Ada"]),
        ("search=alpha", ["siwis", "amy", "Ada", "ryan-high"]),
        ("language=en&category=premade", ["amy", "ryan-high"]),
        ("language=fr&language=EN&sort=name", ["Ada", "amy", "ryan-high", "siwis"]),
        ("sort=name&sort_direction=desc&page_size=2", ["siwis", "ryan-high"]),
        ("sort=created_at_unix&sort_direction=desc&page_size=1", ["ryan-high"]),
        ("voice_type=personal", ["Ada"]),
        ("voice_type=default&page_size=1", ["siwis"]),
        ("voice_ids=amy&voice_ids=nobody", ["amy"]),
        ("gender=female", []),
        ("next_page_token=99", []),
    ],
)
def test_what_is_found(query, names) -> None:
    assert found(query) == names


def test_pages_together_are_all_voices_once() -> None:
    token, names = "0", []
    while token is not None:
        page = VoiceSearch.of(QueryParams({"next_page_token": token, "page_size": "3"})).page(VOICES)
        names += [one["voice_id"] for one in page["voices"]]
        assert page["total_count"] == 4
        assert page["has_more"] == (page["next_page_token"] is not None)
        token = page["next_page_token"]
    assert names == ["siwis", "amy", "Ada", "ryan-high"]


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=101", "page_size=x", "sort=age", "voice_type=mine", "next_page_token=-1"]
)
def test_wrong_values_are_refused(query) -> None:
    with pytest.raises(InvalidParameter) as caught:
        VoiceSearch.of(QueryParams(query))
    assert caught.value.param == query.partition("=")[0]
