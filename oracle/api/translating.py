"""Templates say English; what they say is looked up in the language of who looks.

Each piece of text between two tags or expressions is a message of the catalogue, and so is what is
read aloud of a tag (its labels). Templates stay as they are, and nothing can be left out.
"""

import re
from collections.abc import Iterable, Iterator

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

LABELS = re.compile(r'(?<=\s)((?:aria-label|data-label|placeholder|alt|title)=")([^"]*)(?=")')
LETTER = re.compile(r"[^\W\d_]")
TEXT = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)


class Translating(Extension):
    """Puts a call of `_` around every text of a template."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Replace each text token by calls and what stands between them."""
        in_tag = False
        for token in stream:
            if token.type != "data":
                yield token
                continue
            for message, text in pieces(token.value, in_tag):
                if message:
                    yield from self._call(text, token.lineno)
                else:
                    yield Token(token.lineno, "data", text)
            in_tag = is_in_tag(token.value, in_tag)

    def _call(self, text: str, line: int) -> Iterator[Token]:
        yield Token(line, "variable_begin", "{{")
        yield Token(line, "name", "_")
        yield Token(line, "lparen", "(")
        yield Token(line, "string", text)
        yield Token(line, "rparen", ")")
        yield Token(line, "variable_end", "}}")


def is_in_tag(text: str, in_tag: bool) -> bool:
    """Tell whether a tag is open after a text."""
    opened, closed = text.rfind("<"), text.rfind(">")
    return in_tag if opened == closed == -1 else opened > closed


def pieces(text: str, in_tag: bool) -> Iterator[tuple[bool, str]]:
    """Split a text of a template into messages (True) and what is none (False).

    Args:
        in_tag: Whether it begins within a tag.
    """
    for part in re.split(r"([<>])", text):
        if part in "<>":
            in_tag = part == "<" if part else in_tag
            if part:
                yield False, part
        elif in_tag:
            yield from _labels(part)
        else:
            found = TEXT.fullmatch(part)
            assert found is not None
            before, words, after = found.groups()
            yield False, before
            yield bool(LETTER.search(words)), words
            yield False, after


def messages(environment: Environment, name: str) -> Iterable[str]:
    """Return the messages of a template, in order."""
    assert environment.loader is not None
    source = environment.loader.get_source(environment, name)[0]
    in_tag = False
    for _, kind, value in environment.lex(source):
        if kind == "data":
            yield from (words for message, words in pieces(value, in_tag) if message)
            in_tag = is_in_tag(value, in_tag)


def _labels(tag: str) -> Iterator[tuple[bool, str]]:
    at = 0
    for found in LABELS.finditer(tag):
        yield False, tag[at : found.end(1)]
        yield bool(LETTER.search(found[2])), found[2]
        at = found.end(2)
    yield False, tag[at:]
