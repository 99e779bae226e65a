"""A streamed answer, sentence by sentence: nothing leaves before it was judged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from interlock.core.sentences import sentences

MAX_PENDING = 4_000
"""Characters without the end of a sentence after which what came is judged as it is."""


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
        begins = [sentence.start for sentence in sentences(self._pending)]
        if len(begins) > 1:
            for start, end in zip([0, *begins[1:-1]], begins[1:], strict=True):
                yield self._pending[start:end]
            self._pending = self._pending[begins[-1] :]
        while len(self._pending) > MAX_PENDING:
            yield self._pending[:MAX_PENDING]
            self._pending = self._pending[MAX_PENDING:]

    def flush(self) -> Iterator[str]:
        """What is left when the stream has ended."""
        rest, self._pending = self._pending, ""
        if rest:
            yield rest


def in_sentences(chunks: Iterable[str]) -> Iterator[str]:
    """The chunks of a stream as sentences; joined they are the same text."""
    buffer = SentenceBuffer()
    for chunk in chunks:
        yield from buffer.feed(chunk)
    yield from buffer.flush()
