"""Markdown in a text that is to be spoken: its words stay, its marks go."""

from __future__ import annotations

import re

# Every pattern starts at a mark and excludes that mark from what follows, so that a flood of marks takes linear time.

_FENCE = re.compile(r"^(?:`{3,}|~{3,})[\w+#.-]*$", re.MULTILINE)
_RULE = re.compile(r"^[-*_=|:+~ ]{3,}$", re.MULTILINE)
_QUOTE = re.compile(r"^(?:> ?)+", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
_BULLET = re.compile(r"^(?:[-*+•‣] )++(?:\[[ xX]\] )?", re.MULTILINE)
_TABLE_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CELL_BORDER = re.compile(r"(?: \|)+ | ?• ?")
_DEFINITION = re.compile(
    r"^\[[^\[\]\n]+\]: ?<?(?:https?://|www\.|mailto:|/|#)\S*(?: \"[^\"\n]*\")?$", re.MULTILINE | re.IGNORECASE
)
_FOOTNOTE = re.compile(r"\[\^[^\s\[\]]{1,64}\]:?")

_DESTINATION = r"(?:<[^<>\n]*+>|[^\s()<>]*+(?:\([^\s()]*+\)[^\s()]*+)*+)"
_TITLE = r"(?:\s+(?:\"[^\"\n]*+\"|'[^'\n]*+'))?"
_IMAGE = re.compile(rf"!\[([^\[\]]*+)\]\({_DESTINATION}{_TITLE}\)")
_LINK = re.compile(rf"(?<!\w)\[([^\[\]]*+)\]\({_DESTINATION}{_TITLE}\)")
_NUMBERED_LINK = re.compile(r"(?<!\w)\[(?=[^\[\]\n]*?[^\W\d_])([^\[\]\n]++)\]\[\d{0,3}\]")
# The second half of a link whose words were cut into two sentences.
_LINK_END = re.compile(r"\]\((?:https?://|www\.|mailto:|/|#)[^\s()]*+\)", re.IGNORECASE)

_ESCAPE = re.compile(r"(?<!\\)\\++(?=[`*_{}\[\]()#+.!|>~-])")
_CODE = re.compile(r"(?<![\w`])(`+)([^`]++)\1(?!`)")
_BACKTICK_APOSTROPHE = re.compile(r"(?<=[^\W\d_])`(?=[^\W\d_])")
_STRONG = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]++)(?<=\S)\1(?!\*)")
_STARS = re.compile(r"\*+")
_UNDERSCORES = re.compile(r"_+")
_LONGEST_OPERATOR = 2  # stars: "2 * 3", "2 ** 3"
_STRIKE = re.compile(r"~{2,}")


def strip_links(text: str) -> str:
    """Return a text in which links are their words and pictures their alternative text, without destinations."""
    if "[" not in text and "](" not in text:
        return text
    text = _FOOTNOTE.sub("", _DEFINITION.sub("", text))
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))  # a picture may be the words of a link
    return _LINK_END.sub("", _NUMBERED_LINK.sub(r"\1", text))


def strip_blocks(text: str) -> str:
    """Return a text without the marks at the start of its lines: headings, bullets, quotes, fences, rules, tables.

    The lines of a code block stay; the cells of a table are read with commas between them. Expects lines without
    leading white space. List numbers stay: they are words.
    """
    text = _QUOTE.sub("", _RULE.sub("", _FENCE.sub("", text)))
    if "#" in text:
        text = _HEADING.sub(lambda heading: _strip_heading_end(heading[1]), text)
    text = _BULLET.sub("", text)
    if "|" in text or "•" in text:
        text = _CELL_BORDER.sub(", ", _TABLE_ROW.sub(lambda row: _read_row(row[0]), text))
    return text


def strip_emphasis(text: str) -> str:
    """Return a text without the marks of emphasis, code and strike-through, also where only half of a pair is there.

    Marks between two letters or digits stay (``snake_case``, ``2*3``), and so does a star with spaces around it.
    """
    if "\\" in text:
        text = _ESCAPE.sub("", text)
    if "`" in text:
        text = _BACKTICK_APOSTROPHE.sub("'", _CODE.sub(r"\2", text)).replace("`", "")
    if "*" in text:
        text = _STARS.sub(_read_stars, _STRONG.sub(r"\2", text))
    if "_" in text:
        text = _UNDERSCORES.sub(_read_underscores, text)
    return _STRIKE.sub("", text)


def _strip_heading_end(words: str) -> str:
    bare = words.rstrip("#")
    return bare if bare.endswith(" ") else words


def _read_row(row: str) -> str:
    return ", ".join(cell.strip() for cell in row.split("|") if cell.strip())


def _read_stars(run: re.Match[str]) -> str:
    before, after = _neighbours(run)
    is_isolated = before.isspace() and after.isspace() and len(run[0]) <= _LONGEST_OPERATOR
    is_inside = before.isalnum() and after.isalnum()
    return run[0] if is_isolated or is_inside or _is_product(run) else ""


def _read_underscores(run: re.Match[str]) -> str:
    before, after = _neighbours(run)
    is_inside = before.isalnum() and (after.isalnum() or after == "@")
    return run[0] if is_inside else ""


def _neighbours(run: re.Match[str]) -> tuple[str, str]:
    return run.string[max(0, run.start() - 1) : run.start()], run.string[run.end() : run.end() + 1]


def _is_product(run: re.Match[str]) -> bool:
    """Tell whether a star stands between two numbers, with or without spaces: "2 *3"."""
    before = run.string[max(0, run.start() - 2) : run.start()].strip()
    after = run.string[run.end() : run.end() + 2].strip()
    return len(run[0]) <= _LONGEST_OPERATOR and before[-1:].isdigit() and after[:1].isdigit()
