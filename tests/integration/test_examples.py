"""The example strategies against the local exchange, also when a cancel is in doubt or refused."""

import subprocess
import sys

from conftest import ROOT

from process import PATIENCE_SECONDS, clean_environment

EXAMPLES = ROOT / "clients" / "python" / "examples"


def run(stack, name, *arguments):
    ran = subprocess.run([sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
                         env=clean_environment() | stack.client_environment)
    return ran.returncode, ran.stdout + ran.stderr


def open_orders(stack):
    return [order for order in stack.exchange.orders() if order["status"] not in ("Canceled", "Closed")]


def test_the_quoter_never_has_two_quotes_on_a_side(shared):
    shared.exchange.set_faults(proxy_page={"share": 0.3, "endpoint": "DELETE /api/v1/order"})
    try:
        exit_code, said = run(shared, "quoter.py", "--rounds=3", "--seconds=0.05")
    finally:
        shared.exchange.set_faults(proxy_page=None)
    assert exit_code == 0, said
    assert "round 3: buy " in said and "nothing is left on the book" in said
    assert open_orders(shared) == []
    assert len(shared.exchange.orders()) <= 6


def test_stop_everything_leaves_nothing(shared):
    ids = shared.exchange.place_orders(4)
    shared.exchange.fill(ids[0], "0.004")
    exit_code, said = run(shared, "stop_everything.py")
    assert exit_code == 0, said
    assert "4 open orders" in said and "no order is open" in said
    assert open_orders(shared) == []


def test_stop_everything_names_what_it_could_not_stop(shared):
    [order_id] = shared.exchange.place_orders()
    shared.exchange.set_faults(answer={"status": 400, "body": '{"success":false,"message":"ORDER_CANCEL_BLOCKED","code":1}'})
    try:
        exit_code, said = run(shared, "stop_everything.py", "--tries=1")
    finally:
        shared.exchange.set_faults(answer=None)
    assert exit_code == 1, said
    assert "BLOCKED" in said and f"STILL OPEN: [{order_id}]" in said
    shared.exchange.cancel_by_hand(order_id)
