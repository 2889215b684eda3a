"""Lists that show all rows only when asked with a parameter that an org may not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from typing_extensions import override

from tap_kustomer.errors import RequestRefusedError
from tap_kustomer.readers.list_page import ListPage
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.lists import ListStream, listed

__all__ = ["SwitchedListStream"]


class SwitchedListStream(ListStream):
    """A list that is read plainly where Kustomer refuses the parameters of ``passes``.

    The state remembers that they worked: then a refusal fails the stream, as rows that were
    read before would be silently missed.
    """

    plain_passes: ClassVar[tuple[Mapping[str, str], ...]] = ({},)

    _plain = False

    @property
    def switch(self) -> str:
        """The entry of the ledger that says that the parameters are taken."""
        by_resource = any("resource" in params for params in self.passes)
        return "sub-status-resource" if by_resource else "deleted-switch"

    @override
    def listed_by(self, reader: KustomerStream) -> Iterator[ListPage]:
        pages = super().listed_by(reader)
        try:
            first = next(pages, None)
        except RequestRefusedError as error:
            if self.known_state.get("with_parameters"):
                raise
            self.client.ledger.differs(self.switch, "it is refused", self.name)
            self.logger.warning(
                "%s: Kustomer does not take %s here, so the list is read without: %s",
                self.name,
                " and ".join(f"{k}={v}" for one in self.passes for k, v in one.items()),
                error,
            )
            self._plain = True
            yield from listed(reader, self.paths, self.plain_passes, self.page_size)
            return
        self.client.ledger.holds(self.switch)
        if first is not None:
            yield first
            yield from pages

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows, then note which form of the request gave them."""
        yield from super().read()
        if not self._plain:
            self.state["with_parameters"] = True
