"""An operator does not want to wait for the next DELETE: `cancelctl retry`, and both ways of the Python client."""

import cancelbus
import pytest
from cancelbus import blocking
from python_client import client
from scene import requests

from cancelbus.v1 import cancel_pb2

DELETE = "DELETE /api/v1/order"


@pytest.fixture
def waiting(running, connect):
    """A command whose order's next DELETE is many seconds away: each was reset before the exchange did anything."""
    running.grant("strategy", "desk-a")
    running.exchange.set_faults(reset_before={"endpoint": DELETE})
    strategy = connect(running)
    [order] = running.exchange.place_orders()
    command = strategy.cancel(order)
    strategy.wait_until(lambda: len(requests(running, "DELETE", order)) >= 4, "the fourth DELETE")
    running.exchange.set_faults(reset_before=None)
    return running, strategy, command, order


def test_a_retry_cancels_the_order_now(waiting):
    stack, strategy, command, order = waiting
    retried = stack.cancelctl("retry", f"desk-a/{command}", "--json")
    [line] = retried.json_lines
    assert (retried.exit_code, line["type"], line["retry"]["status"]) == (0, "retry", "RETRY_STATUS_RETRYING")
    assert "DELETE" in line["retry"]["text"]
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert len(requests(stack, "DELETE", order)) == 5
    said = stack.cancelctl("explain", f"desk-a/{command}").out
    assert f"operator's retry, of desk-a/{command} by ctl-" in said
    assert '"event":"operator_retry"' in stack.processes["bus"].log()
    ended = stack.cancelctl("retry", f"desk-a/{command}")
    assert ended.exit_code == 1 and "not retried: the command has ended already" in ended.out
    assert stack.cancelctl("retry", "desk-a/nothing").exit_code == 1


def test_only_operators_retry(waiting):
    stack, strategy, command, _ = waiting
    with client(stack, "desk-a", kind=blocking.Client, key="desk-a") as own:
        with pytest.raises(cancelbus.InquiryRefused, match="not an operator"):
            own.retry("desk-a", command)
    with client(stack, "ctl-test", kind=blocking.Client) as bus:
        with pytest.raises(cancelbus.NotRetried, match="no such command"):
            bus.retry("desk-a", "nothing")
        with pytest.raises(cancelbus.OptionError, match="cl_ord_id"):
            bus.retry("desk-a", "")
        assert bus.retry("desk-a", command).status == cancelbus.RetryStatus.RETRYING
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
