"""The control interface of exchange-sim: places orders, asks for faults, reads what the exchange saw."""

import json
import re
import ssl
import subprocess
import urllib.error
import urllib.request

from process import PATIENCE_SECONDS


def other_guesses(bin_dir):
    """NAME=VALUE for --guess: of each guess that exchange-sim lists, the values that are not its default."""
    listed = subprocess.run([bin_dir / "exchange-sim", "--help"], capture_output=True, text=True, check=True).stdout
    listed = listed[listed.index("\nGuesses,"):listed.index("\nFaults,")]
    return [f"{name}={value}" for name, values in re.findall(r"^  (\w+)=(\S+)$", listed, re.MULTILINE)
            for value in values.split("|")[1:]]


class Exchange:
    def __init__(self, rest_url, ca_file):
        self.rest_url = rest_url
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        # Straight to loopback, whatever proxy the environment names.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                   urllib.request.HTTPSHandler(context=self._tls))

    def trust_anything(self):
        """For tests of certificates that no other client trusts."""
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.rest_url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None

    def place_orders(self, count=1, pair="BTCTRY", **fields):
        """Order ids. Fields as the exchange has them: quantity, price, orderType="sell", newOrderClientId."""
        return self.call("POST", "/sim/orders", {"count": count, "pairSymbol": pair, **fields})["ids"]

    def set_faults(self, **faults):
        """As set_faults(no_452={"share": 0.1}); None ends a fault."""
        return self.call("POST", "/sim/faults", faults)

    def fill(self, order_id, amount=None):
        return self.call("POST", "/sim/fill", {"id": order_id} | ({} if amount is None else {"amount": amount}))

    def edit(self, order_id, **changes):
        return self.call("POST", "/sim/edit", {"id": order_id, **changes})

    def cancel_by_hand(self, order_id):
        """As its owner would on the web: no request of ours."""
        return self.call("POST", "/sim/cancel", {"id": order_id})

    def stream(self, **action):
        """One of frame=[...], text="...", mute=True, silence=True, close="frame"|"no_frame"|"reset"."""
        return self.call("POST", "/sim/stream", action)["streams"]

    def accept_keys(self, *keys):
        """These ApiKeys of throwaway.py from now on, and no others."""
        self.call("POST", "/sim/keys", {"keys": [{"public_key": key.key_file.read_text().strip(),
                                                  "secret": key.secret_file.read_text().strip()} for key in keys]})

    def counters(self):
        return self.call("GET", "/sim/counters")

    def forget_counters(self):
        self.call("DELETE", "/sim/counters")

    def arrivals(self, last=None):
        return self.call("GET", "/sim/arrivals" + (f"?last={last}" if last else ""))["arrivals"]

    def orders(self, status=None):
        """The whole book as it truly is, gone orders too."""
        return self.call("GET", "/sim/orders" + (f"?status={status}" if status else ""))["orders"]

    def order(self, order_id):
        return self.call("GET", f"/sim/orders?id={order_id}")["orders"][0]
