"""Has cancel.mjs cancel an order of the local exchange, through a real bus. Usage: against_a_bus.py BUILD_DIR STACK_FOLDER"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

build, stack_folder = sys.argv[1:]
sys.path.insert(0, stack_folder)

from process import clean_environment  # noqa: E402
from stack import Stack  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    stack = Stack(build, folder)
    try:
        stack.start(workers=1)
        [order_id] = stack.exchange.place_orders()
        ran = subprocess.run(["node", Path(__file__).parent / "cancel.mjs", str(order_id)], timeout=120, check=True, text=True,
                             stdout=subprocess.PIPE, env=clean_environment() | stack.client_environment)
        # An ack may overtake its receipt, which is then not told.
        told = [one for one in map(json.loads, ran.stdout.splitlines()) if "receipt" not in one]
        assert [next(iter(one)) for one in told] == ["connected", "ack", "event", "final", "event"], ran.stdout
        assert told[3]["final"]["ord_status"] == "ORD_STATUS_CANCELED", ran.stdout
        assert stack.exchange.order(order_id)["status"] == "Canceled"
    finally:
        stack.stop()
print("an order was canceled through a bus")
