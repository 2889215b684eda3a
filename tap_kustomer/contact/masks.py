"""Names that are an org's own, as short hashes: within a report a name has one hash."""

from __future__ import annotations

import hashlib
import re
import secrets

from tap_kustomer.catalog.attributes import suffix_of
from tap_kustomer.contact.vocabulary import RESOURCES, attribute_words, is_attribute, path_words

__all__ = ["Masks"]

_LENGTH = 6
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T0-9:.Z+-]*", re.ASCII)
_NUMBER = re.compile(r"\d[\d,.]{3,}", re.ASCII)
_HOST = re.compile(r"https?://[^\s)\"']+", re.ASCII)
_PATH = re.compile(r"/v\d[^\s)\"'`]*[^\s)\"'`.,;:]", re.ASCII)
_WORD = re.compile(r"[^\s`'\"(),;:]+")


class Masks:
    """Shows what is Kustomer's, and hashes what is the org's; the hashes' key is kept nowhere."""

    def __init__(self, streams: frozenset[str], own_names: frozenset[str]) -> None:
        """``streams`` are the names of the tap's own streams, ``own_names`` those of the org."""
        self._streams = streams
        self._own = own_names
        longest_first = sorted(own_names, key=len, reverse=True)
        self._own_words = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)")
        self._key = secrets.token_bytes(16)

    def hash(self, text: str) -> str:
        """Return a short hash."""
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=8)
        return f"hash-{digest.hexdigest()[:_LENGTH]}"

    def key(self, name: str, within: str = "") -> str:
        """Return the name of an attribute that stands inside ``within``."""
        if within in {"custom", "properties"}:
            suffix = suffix_of(name) or ""
            return f"{self.hash(name)}{suffix}"
        known = is_attribute(name) if within == "attributes" else name in attribute_words()
        return name if known and name not in self._own else self.hash(name)

    def stream(self, name: str) -> str:
        """Return the name of a stream; of a klass's stream the klass is hashed."""
        if name in self._streams or name in RESOURCES:
            return name
        if name.startswith("kobject_"):
            return f"kobject_{self.hash(name[8:])}"
        return self.hash(name)

    def place(self, place: str) -> str:
        """Return where something was seen: a path, a stream, or an attribute of one."""
        if place.startswith("/"):
            return "/".join(map(self._part, place.split("/")))
        stream, *names = place.split(".")
        shown, within = [self.stream(stream)], "attributes"
        for name in names:
            shown.append(self.key(name, within))
            within = name
        return ".".join(shown)

    def _part(self, part: str) -> str:
        if not part or part in path_words() or part in RESOURCES:
            return part
        return f"kobject.{self.hash(part[8:])}" if part.startswith("kobject.") else self.hash(part)

    def sentence(self, text: str) -> str:
        """Return a sentence of the tap without names, hosts, times and large numbers in it."""
        text = self._own_words.sub(lambda match: self.hash(match[0]), text) if self._own else text
        text = _HOST.sub("(host)", text)
        text = _PATH.sub(lambda match: self.place(match[0]), text)
        text = _TIME.sub("(time)", text)
        text = _NUMBER.sub("(number)", text)
        return _WORD.sub(lambda match: self._in_sentence(match[0]), text)

    def _in_sentence(self, word: str) -> str:
        bare = word.rstrip(".")
        if bare.startswith(("kobject_", "kobject.")) and bare not in self._streams:
            return f"{bare[:8]}{self.hash(bare[8:])}"
        return word
