"""Where the examples place orders: the local exchange that deploy/demo starts. Yours would sign its requests and call
`POST /api/v1/order` and `GET /api/v1/openOrders` instead; cancelbus takes part in cancels only.

Reads EXCHANGE_URL and EXCHANGE_CA_FILE from the environment, as deploy/demo --keep prints them.
"""

import json
import os
import ssl
import urllib.request


class LocalExchange:
    def __init__(self):
        try:
            self._url, ca_file = os.environ["EXCHANGE_URL"], os.environ["EXCHANGE_CA_FILE"]
        except KeyError as missing:
            raise SystemExit(f"{missing.args[0]} is not set: start `deploy/demo --keep` and source the file it names") from None
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))

    def _call(self, path, body=None):
        request = urllib.request.Request(self._url + path, data=body and json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with self._opener.open(request, timeout=10) as answer:
            return json.load(answer)

    def place(self, side, price, quantity, pair="BTCTRY"):
        """The id of a new limit order; side is "buy" or "sell"."""
        order = {"count": 1, "pairSymbol": pair, "orderType": side, "price": str(price), "quantity": str(quantity)}
        return self._call("/sim/orders", order)["ids"][0]

    def open_orders(self):
        """Ids of all orders of the account that are on the book."""
        return [int(order["id"]) for order in self._call("/sim/orders")["orders"] if order["status"] not in ("Canceled", "Closed")]
