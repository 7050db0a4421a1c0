"""What each file held when: the oracle for "never stale".

Whoever changes a file says so before and after (change()). Before, the file may hold what it held
or what it is about to; after, only the latter. So what an answer may rest on is everything that the
file may have held at some moment between the question and the answer (possible()). Whoever opened
a file before it lost a name sees what is written to it under another one (write_elsewhere()).

Contents are what the caller says: a name of a model, ABSENT, BROKEN (no whole model), or Link of a
path whose content it shows."""

import contextlib
import os
import threading
import time

ABSENT = "absent"
BROKEN = "broken"
FOREVER = float("inf")


class Link:
    def __init__(self, target):
        self.target = target

    def __repr__(self):
        return f"-> {self.target}"


class Span:
    def __init__(self, content, since, until=FOREVER):
        self.content, self.since, self.until = content, since, until


class History:
    def __init__(self):
        self.spans = {}
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def change(self, changes, meanwhile=()):
        """changes: PATH -> new content; meanwhile: contents that all of them may have on the way."""
        began = time.monotonic()
        with self.lock:
            passing = [Span(content, began) for content in meanwhile]
            lasting = {path: Span(content, began) for path, content in changes.items()}
            for path, span in lasting.items():
                self.spans.setdefault(path, []).extend(passing + [span])
        yield
        ended = time.monotonic()
        with self.lock:
            for path, last in lasting.items():
                for span in self.spans[path]:
                    if span is not last:
                        span.until = min(span.until, ended)

    def write_elsewhere(self, path, contents, lost):
        """What was at path until it was lost is about to hold contents: so says an answer that comes
        from now on to a question from before that."""
        now = time.monotonic()
        with self.lock:
            self.spans.setdefault(path, []).extend(Span(c, now, lost) for c in contents)

    def possible(self, path, since, until, depth=4):
        """The contents that path may have had at some moment of [since, until]."""
        with self.lock:
            found = {span.content for span in self.spans.get(path, ())
                     if span.since <= until and span.until >= since}
            known = any(span.since <= since for span in self.spans.get(path, ()))
        if not known:
            found.add(ABSENT)
        links = [content for content in found if isinstance(content, Link)]
        found -= set(links)
        for link in links:
            found |= {ABSENT} if depth == 0 else self.possible(link.target, since, until, depth - 1)
        return found

    def now(self, path):
        now = time.monotonic()
        return self.possible(path, now, now)

    def forget(self, before):
        """Drops what no question can be about any more."""
        with self.lock:
            for path in list(self.spans):
                kept = [span for span in self.spans[path] if span.until >= before]
                if len(kept) == 1 and kept[0].content == ABSENT and kept[0].since < before:
                    kept = []
                if kept:
                    self.spans[path] = kept
                else:
                    del self.spans[path]
