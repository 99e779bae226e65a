"""A streamed answer, sentence by sentence: nothing leaves before it was judged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from interlock.core.words import sentences

MAX_PENDING = 4_000
"""Characters without the end of a sentence after which what came is judged as it is."""


LOOK_AHEAD = 3
"""Characters of the next sentence that must have come before the one before it is taken for whole."""


@dataclass
class SentenceBuffer:
    """Keeps the beginning of a sentence until its end has come.

    >>> buffer = SentenceBuffer()
    >>> [list(buffer.feed(chunk)) for chunk in ("It takes 5", ".5 days. Then", " more.")], list(buffer.flush())
    ([[], ['It takes 5.5 days. '], []], ['Then more.'])
    """

    _pending: str = field(default="", init=False)

    def feed(self, chunk: str) -> Iterator[str]:
        """The sentences that this chunk completes, with the white space after each; joined they are the stream."""
        self._pending += chunk
        places = sentences(self._pending)
        # What follows the end of a sentence decides whether it is one, so a little of it must have come.
        begins = [start for start, _ in places if start <= len(self._pending) - LOOK_AHEAD]
        if len(begins) > 1:
            for start, end in pairwise([0, *begins[1:]]):
                yield self._pending[start:end]
            self._pending = self._pending[begins[-1] :]
        while len(self._pending) > MAX_PENDING:
            yield self._pending[:MAX_PENDING]
            self._pending = self._pending[MAX_PENDING:]

    def flush(self) -> Iterator[str]:
        """What is left when the stream has ended."""
        rest, self._pending = self._pending, ""
        begins = [start for start, _ in sentences(rest)]
        for start, end in pairwise([0, *begins[1:], len(rest)]):
            if end > start:
                yield rest[start:end]


def in_sentences(chunks: Iterable[str]) -> Iterator[str]:
    """The chunks of a stream as sentences; joined they are the same text."""
    buffer = SentenceBuffer()
    for chunk in chunks:
        yield from buffer.feed(chunk)
    yield from buffer.flush()
