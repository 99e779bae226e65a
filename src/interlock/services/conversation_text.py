"""Text of a conversation as a person would read it: no markup, no quoted mail, no signature, nothing hidden."""

import re
from html.parser import HTMLParser

_TAG = re.compile(r"<[A-Za-z/!][^<>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[A-Za-z]{2,8});")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_BLOCK = frozenset(
    {"p", "div", "br", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "blockquote", "pre", "hr"}
)
_SILENT = frozenset({"script", "style", "head", "title", "template"})
_QUOTED = re.compile(
    r"^(?:on .{4,120} wrote:|am .{4,120} schrieb .{1,80}:|le .{4,120} a écrit\s?:|-{2,} ?(?:original|forwarded) message ?-{2,}.*"
    r"|_{10,}|from: .+)$",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"^(?:(?:kind |best |warm |many )?regards|best wishes|best|sincerely|yours (?:truly|sincerely)|cheers|thanks|thank you|many thanks"
    r"|mit freundlichen grüßen|viele grüße|cordialement|saludos)[,.! ]*$",
    re.IGNORECASE,
)
_DEVICE = re.compile(r"^(?:sent from my .+|get outlook for .+|von meinem .+ gesendet|envoyé de mon .+)$", re.IGNORECASE)
_MAX_SIGNATURE = 6  # lines after a farewell that can be one; what is longer is text


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCK:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCK:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCK:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def plain_text(text: str) -> str:
    """A message without markup, hidden characters, quoted mail and signature; lines stay lines.

    >>> plain_text("<p>May I bring a <b>dog</b>?</p><p>Best regards,<br>Ada</p>")
    'May I bring a dog?'
    """
    if _TAG.search(text):
        reader = _Plain()
        reader.feed(text)
        reader.close()
        text = "".join(reader.parts)
    text = _HIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").replace("\xa0", " "))
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return "\n".join(_collapsed(_unsigned(_unquoted(lines)))).strip()


def _unquoted(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if _QUOTED.match(line) and any(kept):
            break  # everything below is somebody else's mail
        if not line.startswith(">"):
            kept.append(line)
    return kept


def _unsigned(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line in ("--", "—", "-- ") and any(lines[:number]):
            lines = lines[:number]
            break
    while lines and (not lines[-1] or _DEVICE.match(lines[-1])):
        lines = lines[:-1]
    for number in range(max(1, len(lines) - _MAX_SIGNATURE), len(lines)):
        if _FAREWELL.match(lines[number]):
            # A question after the farewell is no signature.
            return lines if any("?" in line for line in lines[number + 1 :]) else lines[:number]
    return lines


def _collapsed(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return kept
