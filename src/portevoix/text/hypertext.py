"""HTML and web addresses in a text that is to be spoken."""

from __future__ import annotations

import html
import re

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# What lies between these pairs is not shown, so it is not spoken.
_UNSPOKEN = (
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<script(?:\s[^<>]*)?>", re.IGNORECASE), re.compile("</script>", re.IGNORECASE)),
    (re.compile(r"<style(?:\s[^<>]*)?>", re.IGNORECASE), re.compile("</style>", re.IGNORECASE)),
)
_BLOCK_TAGS = (
    "address|article|aside|blockquote|body|br|caption|center|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form"
    "|h[1-6]|head|header|hr|html|li|link|main|meta|nav|noscript|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead"
    "|title|tr|ul"
)
_INLINE_TAGS = (
    "a|abbr|audio|b|bdi|bdo|big|break|button|cite|code|data|del|dfn|em|emphasis|font|i|iframe|img|input|ins|kbd|label"
    "|mark|option|phoneme|picture|prosody|q|rp|rt|ruby|s|samp|say-as|script|select|small|source|span|speak|strike|strong"
    "|style|sub|sup|svg|time|tt|u|var|video|voice|wbr"
)
# Only known names, and attributes only with their values: "a <b and c> d" is arithmetic.
_TAG = re.compile(
    rf"</?(?:(?P<block>{_BLOCK_TAGS})|(?P<inline>{_INLINE_TAGS}))"
    r"""(?P<attributes>(?:\s+[a-z:_-]{1,64}=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+))*+)\s*/?>""",
    re.IGNORECASE,
)
_ALTERNATIVE_TEXT = re.compile(r"""\salt=(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_ANGLE_ADDRESS = re.compile(r"<((?:https?|ftp)://[^\s<>]*|(?:mailto:)?[^\s<>@/]+@[^\s<>@/]+)>", re.IGNORECASE)

# Latin letters go on inside an address; other scripts are written against it without a space and end it.
_ADDRESS_CHARACTER = r"[!#-;=?-\[\]_a-z~\u00c0-\u024f]"
_ADDRESS = re.compile(
    rf"(?<![0-9a-z_@])(?:(?:https?|ftps?|wss?|file|git|ssh)://{_ADDRESS_CHARACTER}*+|www\.(?=[^\W_]){_ADDRESS_CHARACTER}++)",
    re.IGNORECASE,
)
_MAIL_SCHEME = re.compile(r"\bmailto:(?=[^\s@]{1,64}@)", re.IGNORECASE)
_AFTER_ADDRESS = ".,;:!?'*_~"


def strip_html(text: str) -> str:
    """Return a text with its entities decoded and its tags read as a browser would show them.

    Comments, scripts and styles disappear with what they hold; block tags break the line; pictures leave their
    alternative text; a comparison like ``a < b`` stays. Takes time in proportion to the length of the text.
    """
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if "<" not in text:
        return text
    for opening, closing in _UNSPOKEN:
        text = _drop_between(text, opening, closing)
    return _TAG.sub(_read_tag, _ANGLE_ADDRESS.sub(r"\1", text))


def shorten_addresses(text: str) -> str:
    """Return a text in which each web address is only its host, "example.com", and ``mailto:`` is not spoken.

    Nobody can follow a spoken path; the host says where it leads. An address without a host, like ``file:///tmp``,
    disappears. E-mail addresses stay.
    """
    if "www." in text or "WWW." in text or "://" in text:
        text = _ADDRESS.sub(_read_address, text)
    return _MAIL_SCHEME.sub("", text)


def _drop_between(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    kept: list[str] = []
    position = 0
    # The first opening without an end stops the search: looking on for each one would take quadratic time.
    while (start := opening.search(text, position)) and (end := closing.search(text, start.end())):
        kept += [text[position : start.start()], "\n"]
        position = end.end()
    return "".join([*kept, text[position:]])


def _read_tag(tag: re.Match[str]) -> str:
    if tag["block"]:
        return "\n"
    words = _ALTERNATIVE_TEXT.search(tag["attributes"])
    return (words[1] or words[2] or "") if words else ""


def _read_address(address: re.Match[str]) -> str:
    whole = address[0]
    closers = _AFTER_ADDRESS if "(" in whole else _AFTER_ADDRESS + ")"
    closers = closers if "[" in whole else closers + "]"
    body = whole.rstrip(closers)
    authority = re.split(r"[/?#]", body.split("://", 1)[-1], maxsplit=1)[0]
    host = re.sub(r":[0-9]*\Z", "", authority.rsplit("@", 1)[-1])
    return re.sub(r"\A(?:www\.)+(?=.)", "", host, flags=re.IGNORECASE) + whole[len(body) :]
