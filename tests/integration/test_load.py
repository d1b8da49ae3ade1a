"""cancel-load cancels what it has placed at the local exchange, and goes on only where the two belong together."""

import re

from conftest import orderly_stack


def load(stack, *arguments, key="operator", **exchange):
    flags = {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint,
             "exchange_url": stack.rest_url, "exchange_ca_file": stack.authority.cert_file,
             **stack.access.flags(key), **exchange}
    return stack.run("cancel-load", *(f"--{name}={value}" for name, value in flags.items()), *arguments)


def test_what_was_placed_is_canceled(shared):
    before = len(shared.exchange.orders("Canceled"))
    loaded = load(shared, "--count=10", "--rate=200")
    assert loaded.exit_code == 0
    assert "10 asked: 10 canceled" in loaded.log
    assert len(shared.exchange.orders("Canceled")) == before + 10
    assert re.search(r"^10 commands at \d+ a second, 0 refused$", loaded.out, re.MULTILINE), loaded.out
    for step in ("receipt", "ack", "final"):
        assert re.search(rf"^{step} +\d+( +\d+){{4}}$", loaded.out, re.MULTILINE), loaded.out
    assert loaded.out.count("####") >= 3


def test_rate_and_seconds_make_the_count(shared):
    assert "4 asked: 4 canceled" in load(shared, "--rate=4", "--seconds=1").log
    assert "3 asked: 3 canceled" in load(shared, "--rate=4", "--seconds=1", "--count=3").log


def test_json(shared):
    loaded = load(shared, "--json", "--count=3")
    summary, *buckets = loaded.json_lines
    assert summary["type"] == "load" and {bucket["type"] for bucket in buckets} == {"load_bucket"}
    assert (summary["commands"], summary["finals"], summary["refused"]) == ("3", "3", "0")
    assert sum(int(bucket["count"]) for bucket in buckets if bucket["step"] == "final") == 3
    assert 0 < int(summary["ack_p50_us"]) <= int(summary["ack_max_us"])


def test_it_goes_no_further_than_a_refusal(shared):
    shared.grant("observer", "looker-on")
    loaded = load(shared, "--count=5", "--sender=looker-on", key="looker-on")
    assert loaded.exit_code == 1
    assert "NOT_AUTHORIZED" in loaded.log
    assert "1 asked: 1 refused" in loaded.log


def test_it_stops_at_a_bus_of_another_exchange(shared):
    """Its first order is one that the bus's exchange does not know."""
    with orderly_stack() as other:
        other.start_exchange()
        sent = len(shared.exchange.arrivals())
        refused = load(shared, "--count=50", exchange_url=other.rest_url, exchange_ca_file=other.authority.cert_file)
        assert refused.exit_code == 1
        assert "the bus does not cancel at this exchange" in refused.log
        assert len([a for a in shared.exchange.arrivals()[sent:] if a["request"].startswith("DELETE")]) == 1


def test_what_is_no_local_exchange_is_named(shared):
    not_trusted = load(shared, exchange_ca_file=shared.access.bus.public_file)
    assert not_trusted.exit_code == 1
    assert "--exchange_ca_file" in not_trusted.log
    nothing_there = load(shared, exchange_url="https://127.0.0.1:1")
    assert nothing_there.exit_code == 1
    assert "--exchange_url" in nothing_there.log
