"""Asking the bus for the account's open orders: pages, one after the other, until the last.

Used by Session. Pure, as it is. One page is on its way at a time. Each has a number, so that a second answer, to a request that
was repeated, is not taken for the next page.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Optional

from .asked import refuses
from .event_reader import NEVER, SECOND
from .v1.cancel_pb2 import OpenOrder
from .v1.session_pb2 import OpenOrders, OpenOrdersRequest, Reject

REPEAT_AFTER = SECOND


@dataclass
class Listing:
    """What became of one ask()."""
    id: int
    orders: list[OpenOrder] = field(default_factory=list)
    first_page: Optional[OpenOrders] = None
    refused: Optional[Reject] = None


@dataclass
class _Asked:
    request: OpenOrdersRequest
    listing: Listing
    from_order_id: int = 0


class OpenOrdersReader:
    def __init__(self) -> None:
        self._asked: deque[_Asked] = deque()  # the first is under way
        self._listings = 0
        self._page = 1  # of all listings; the one under way, or the next
        self._due = 0  # when it is asked for, or asked for again

    def ask(self, request: OpenOrdersRequest) -> int:
        """Returns the listing's number, from 1. Several are answered in turn."""
        self._listings += 1
        self._asked.append(_Asked(request, Listing(self._listings)))
        return self._listings

    def give_up(self, listing_id: int) -> None:
        """It is not wanted any more."""
        under_way = self._asked[0] if self._asked else None
        self._asked = deque(asked for asked in self._asked if asked.listing.id != listing_id)
        if under_way is not None and under_way.listing.id == listing_id:
            self._next_page()

    def restart(self) -> None:
        """The session begins anew: so does the listing under way, which the bus may know nothing of any more."""
        if self._asked:
            self._next_page()
            first = self._asked[0]
            first.listing, first.from_order_id = Listing(first.listing.id), 0

    def due(self, now: int) -> Optional[OpenOrdersRequest]:
        """What is to be sent now."""
        if now < self.next_deadline():
            return None
        self._due = now + REPEAT_AFTER
        request = OpenOrdersRequest()
        request.CopyFrom(self._asked[0].request)
        request.from_order_id = self._asked[0].from_order_id
        request.request_id = self._page
        return request

    def next_deadline(self) -> int:
        return self._due if self._asked else NEVER

    def on_page(self, page: OpenOrders) -> Optional[Listing]:
        """The listing that is complete with it."""
        if not self._asked or page.request_id != self._page:
            return None
        first = self._asked[0]
        first.listing.orders.extend(page.open_order)
        if first.listing.first_page is None:
            first.listing.first_page = page
        first.from_order_id = page.next_order_id
        self._next_page()
        return None if page.next_order_id else self._asked.popleft().listing

    def on_reject(self, reject: Reject) -> Optional[Listing]:
        """The listing that it ends."""
        if not self._asked or not refuses(reject, "open_orders_request"):
            return None
        self._next_page()
        listing = self._asked.popleft().listing
        listing.refused = reject
        return listing

    def _next_page(self) -> None:
        self._page += 1
        self._due = 0
