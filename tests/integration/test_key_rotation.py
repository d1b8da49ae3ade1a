"""The API key is replaced, or half replaced, or replaced by rubbish: cancels go on, and no process is started again.

The exchange accepts a new key beside the old one, the files are replaced, the old one is revoked; or in an emergency in
another order.
"""

import signal

import pytest
from scene import place_orders, statuses

from cancelbus.v1 import cancel_pb2
from throwaway import ApiKey, make_api_key, write_secret


@pytest.fixture
def fresh(stack):
    """Another key pair of the account, which the exchange does not accept yet."""
    return make_api_key(stack.folder, "fresh")


def holders(stack):
    return [process for name, process in stack.processes.items() if name.startswith(("worker", "subscriber"))]


def wait_log(stack, process, event, times=1):
    stack.wait_until(lambda: process.log().count(f'"event":"{event}"') >= times, f"{process.name} logs {event}")


def hang_up(stack):
    for process in holders(stack):
        process.popen.send_signal(signal.SIGHUP)


def logins(stack):
    return stack.exchange.counters()["stream"].get("logins", 0)


def assert_cancels(stack, strategy, expected):
    [order_id] = place_orders(stack, strategy)
    assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(stack, "DELETE", order_id) == expected


def test_replaced_in_order_nothing_is_refused(running, fresh, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    old = [file.read_text().strip() for file in (stack.api_key.key_file, stack.api_key.secret_file)]
    assert_cancels(stack, strategy, [200])
    stack.exchange.accept_keys(stack.api_key, fresh)
    stack.api_key.replace_by(fresh)
    for process in holders(stack):
        wait_log(stack, process, "api_key_replaced")
    stack.wait_until(lambda: logins(stack) == 2, "the subscriber has logged in anew")
    stack.exchange.accept_keys(fresh)
    assert_cancels(stack, strategy, [200])
    assert stack.exchange.counters()["unauthorized"] == {}
    for process in holders(stack):
        assert process.running
        assert not any(secret in process.log() for secret in old)


def test_on_hangup_a_revoked_key_is_replaced_at_once(running, fresh, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.accept_keys(fresh)
    ack = strategy.wait_ack(strategy.cancel(order_id))
    assert ack.cxl_rej_reason == cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED
    stack.api_key.replace_by(fresh)
    hang_up(stack)
    assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(stack, "DELETE", order_id) == [401, 401, 200]
    stack.wait_until(lambda: logins(stack) == 2, "the subscriber has logged in anew")


def test_after_a_401_no_process_waits_for_the_other_file(stack, connect):
    # The secret alone is another: for half a minute its partner would be waited for.
    stack.start(workers=1)
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    other = make_api_key(stack.folder, "other")
    same_key = ApiKey(stack.api_key.key_file, other.secret_file)
    stack.exchange.accept_keys(same_key)
    fresh = write_secret(stack.folder / "secret.fresh", other.secret_file.read_text().strip())
    fresh.rename(stack.api_key.secret_file)
    assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(stack, "DELETE", order_id) == [401, 200]


def test_rubbish_is_refused_and_the_former_key_stays(running, fresh, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    secret = fresh.secret_file.read_text().strip()
    for number, (rubbish, complaint) in enumerate([
            (secret[:-3], "groups of 4 characters"), ("", "the file is empty"), (secret + "\n" + secret, "second line")], 1):
        write_secret(fresh.secret_file, rubbish)
        stack.api_key.replace_by(fresh)
        hang_up(stack)
        for process in holders(stack):
            wait_log(stack, process, "api_key_not_replaced", times=number)
            said = [line for line in process.log().splitlines() if "api_key_not_replaced" in line][-1]
            assert f"--api_secret_file={stack.api_key.secret_file}: " in said and complaint in said
            assert secret[:8] not in process.log()
    assert_cancels(stack, strategy, [200])
    assert logins(stack) == 1

    write_secret(fresh.secret_file, secret)
    stack.exchange.accept_keys(fresh)
    stack.api_key.replace_by(fresh)
    hang_up(stack)
    stack.wait_until(lambda: logins(stack) == 2, "the subscriber has logged in with the good one")
    assert_cancels(stack, strategy, [200])
