"""`GET /v2/voices`: a part of the voices, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from portevoix.server.fields import wrong_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.datastructures import QueryParams

    Described = Mapping[str, Any]

PAGE_SIZE, LARGEST_PAGE = 10, 100
LABELS = {"gender": "gender", "age": "age", "accent": "accent", "language": "language", "use_cases": "use_case"}
"""Fields of the query that ask for a label, with its name."""

SORTS = ("name", "created_at_unix")
DIRECTIONS = ("asc", "desc")
OWN_TYPES = ("personal", "non-default", "non-community", "saved")
TYPES = ("personal", "community", "default", "workspace", "non-default", "non-community", "saved")
"""Values of `voice_type`: the voices of engines are `default`, those kept of people `personal`."""


@dataclass(frozen=True, slots=True)
class VoiceSearch:
    """Choose voices, and a page of them.

    Attributes:
        words: must be in a voice's name, description, labels or category, whatever the case.
        category: as `premade` or `cloned`; "" for any.
        voice_type: one of `TYPES`, "" for any.
        ids: those alone; all when empty.
        labels: values of which a voice must have one, by label.
        sort: field to sort by, "" for the server's own order.
        is_descending: the other way round.
        offset: how many to leave out.
        page_size: most voices of one page.
    """

    words: str = ""
    category: str = ""
    voice_type: str = ""
    ids: frozenset[str] = frozenset()
    labels: tuple[tuple[str, frozenset[str]], ...] = ()
    sort: str = ""
    is_descending: bool = False
    offset: int = 0
    page_size: int = PAGE_SIZE

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """Return what a query asks for.

        Raises:
            InvalidParameter: a value is none of those that the field may have.
        """
        asked = {label: frozenset(map(str.lower, query.getlist(name))) for name, label in LABELS.items()}
        return cls(
            query.get("search", "").lower(),
            query.get("category", ""),
            _choice(query, "voice_type", TYPES),
            frozenset(query.getlist("voice_ids")),
            tuple((label, values) for label, values in asked.items() if values),
            _choice(query, "sort", SORTS),
            _choice(query, "sort_direction", DIRECTIONS) == "desc",
            _number(query, "next_page_token", 0, 0, 10**9),
            _number(query, "page_size", PAGE_SIZE, 1, LARGEST_PAGE),
        )

    def page(self, voices: Sequence[Described]) -> dict[str, Any]:
        """Return the page that was asked for; the token of the next one is how many come before it."""
        found = self._sorted([voice for voice in voices if self._fits(voice)])
        end = self.offset + self.page_size
        has_more = end < len(found)
        return {
            "voices": found[self.offset : end],
            "has_more": has_more,
            "total_count": len(found),
            "next_page_token": str(end) if has_more else None,
        }

    def _fits(self, voice: Described) -> bool:
        labels = voice["labels"]
        told = [voice["name"], voice["description"], voice["category"], *labels.values()]
        return (
            (not self.ids or voice["voice_id"] in self.ids)
            and (not self.category or voice["category"] == self.category)
            and self._is_of_type(voice)
            and all(labels.get(label, "").lower() in values for label, values in self.labels)
            and (not self.words or any(self.words in text.lower() for text in told))
        )

    def _is_of_type(self, voice: Described) -> bool:
        if not self.voice_type:
            return True
        return self.voice_type in (("default",) if voice["category"] == "premade" else OWN_TYPES)

    def _sorted(self, voices: list[Described]) -> list[Described]:
        if self.sort == "name":
            return sorted(voices, key=lambda voice: voice["name"].lower(), reverse=self.is_descending)
        if self.sort:
            return sorted(voices, key=lambda voice: voice["created_at_unix"] or 0, reverse=self.is_descending)
        return voices


def _choice(query: QueryParams, name: str, known: tuple[str, ...]) -> str:
    given = query.get(name, "")
    if given and given not in known:
        raise wrong_value(name, given, f"it must be one of {', '.join(known)}")
    return given


def _number(query: QueryParams, name: str, usual: int, least: int, most: int) -> int:
    given = query.get(name) or str(usual)
    if not (given.isascii() and given.isdigit() and least <= int(given[:12]) <= most):
        raise wrong_value(name, given, f"it must be a whole number from {least} to {most}")
    return int(given)
