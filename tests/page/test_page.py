"""The page of the bus's monitor in a real browser: it tells what is, follows it, fits a telephone, asks only the bus, and
says so when the bus does not answer. Run by tests/page/run."""

import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from conftest import BUILD, orderly_stack  # noqa: E402
from browser import Browser  # noqa: E402

PICTURES = BUILD / "page"
LONG_SENDER = "a-desk-with-a-name-of-32-letters"
MARKUP = '<img/src=x/onerror=alert(1)>' + "&lt;" * 9
ORDERS_EACH = 12


@pytest.fixture(scope="module")
def stack():
    with orderly_stack() as stack:
        yield stack.start(workers=2, cancel_limits="2/1s,300/60s")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(stack, browser):
    browser.resize(1280, 900)
    browser.go(stack.processes["bus"].endpoints["monitor"] + "/")
    stack.wait_until(lambda: browser.text("#state").startswith("as of "), "the page shows a status")
    return browser


def undecided(page):
    return int(page.text("#tiles .tile b"))


def fits(page):
    """Nothing is wider than the window, and nothing was squeezed until its text stood upright."""
    return page.ask("document.documentElement.scrollWidth <= innerWidth && "
                    "[...document.querySelectorAll('body *')].every(e => e.getBoundingClientRect().right <= innerWidth + 0.5) && "
                    "[...document.querySelectorAll('.row > *')].every(e => e.offsetHeight < 120)")


def pictures(page, name):
    PICTURES.mkdir(exist_ok=True)
    for width, height in ((1280, 900), (390, 844)):
        for scheme in ("light", "dark"):
            page.resize(width, height, dark=scheme == "dark")
            page.picture(PICTURES / f"{name}-{width}-{scheme}.png")
    page.resize(1280, 900)


def test_it_shows_and_follows_what_happens(stack, page):
    assert undecided(page) == 0
    ids = stack.exchange.place_orders(2 * ORDERS_EACH)
    for index, sender in enumerate((LONG_SENDER, "desk-b")):
        share = ids[index * ORDERS_EACH:(index + 1) * ORDERS_EACH]
        stack.start_cancelctl(sender, f"--sender={sender}", "cancel", "--timeout=120s", *map(str, share))
    stack.wait_until(lambda: LONG_SENDER in page.text("#queue") and "desk-b" in page.text("#queue"), "both stand in the queue")
    stack.wait_until(lambda: "2 of 2 used, 0 left" in page.text("#budget"), "the budget is spent")
    stack.wait_until(lambda: "CHANNEL_452" in page.text("#finals"), "a final with its evidence")
    assert "live" in page.text("#stream")
    assert page.text("#workers").count("gets work") == 2
    assert undecided(page) > 0
    pictures(page, "busy")
    for width in (390, 320, 1280):
        page.resize(width, 844)
        assert fits(page), f"{width} px"
    stack.wait_until(lambda: undecided(page) == 0, "it follows to the end", 60)
    assert page.text("#queue") == "empty"
    finals = page.text("#finals")
    assert sum(str(order) in finals for order in ids) == 20


def test_what_is_wrong_stands_first_and_in_the_title(stack, page):
    stack.wait_until(lambda: page.text("#causes") == "ok", "nothing is wrong")
    assert page.ask("document.title").startswith("ok ") and page.ask("document.getElementById('doubts').hidden")
    ids = stack.exchange.place_orders(3)
    stack.exchange.set_faults(answer={"status": 503, "endpoint": "any"})
    stack.start_cancelctl("ctl-doubt", "--sender=ctl-doubt", "cancel", "--timeout=120s", *map(str, ids))
    stack.wait_until(lambda: page.text("#causes").startswith("EXCHANGE_FAILING: the last "), "the headline says what is wrong")
    assert page.text("#causes").endswith("(HTTP 503); runbook: CancelbusExchangeFailing")
    assert page.ask("document.title").startswith("EXCHANGE_FAILING: the last ")
    stack.wait_until(lambda: all(f"order {order}" in page.text("#doubts") for order in ids), "all in doubt are listed")
    assert "ctl-doubt/" in page.text("#doubts") and "last answer: HTTP 503" in page.text("#doubts")
    assert "HTTP 503 \u00d7" in page.text("#exchange")
    pictures(page, "failing")
    for width in (390, 320, 1280):
        page.resize(width, 844)
        assert fits(page), f"{width} px"
    stack.exchange.set_faults(answer=None)
    stack.wait_until(lambda: page.text("#causes") == "ok" and undecided(page) == 0, "it is over", 60)


def test_it_shows_switches_while_there_are_any(stack, page):
    from scene import curve_keys
    from strategy_client import StrategyClient

    assert page.ask("document.getElementById('switches').hidden")
    stack.grant("strategy", "desk-a", prefixes="da-")
    engaged = stack.cancelctl("kill", "--yes", "--owner=desk-a", "--reason=quotes run away")
    assert engaged.exit_code == 0, engaged.log
    stack.wait_until(lambda: "\nproven empty as of" in page.text("#switches"), "the kill switch is shown, and its proof")
    shown = page.text("#switches")
    assert "Kill switch over orders of desk-a" in shown and "ENGAGED by ctl-" in shown
    assert "quotes run away" in shown and "0 known open" in shown
    with StrategyClient(stack.session_endpoint, stack.event_endpoint, "desk-a", curve=curve_keys(stack, "desk-a")) as strategy:
        strategy.send(hello={"sender_comp_id": "desk-a", "cancel_on_disconnect": {"window": {"seconds": 5}}})
        stack.wait_until(lambda: "Dead man's switch of desk-a" in page.text("#switches"), "the dead man's switch is shown")
        assert "fires after 5.0 s" in page.text("#switches") and "armed" in page.text("#switches")
    for width in (390, 1280):
        page.resize(width, 844)
        assert fits(page), f"{width} px"
    stack.wait_until(lambda: "FIRED" in page.text("#switches"), "it has fired")
    pictures(page, "switches")
    assert stack.cancelctl("release", "--owner=desk-a", "--reason=quotes are back").exit_code == 0
    stack.wait_until(lambda: "Kill switch" not in page.text("#switches"), "it is released")


def test_what_clients_write_is_shown_as_text(stack, page):
    from scene import curve_keys
    from strategy_client import StrategyClient

    stack.grant("strategy", "rude")
    order, = stack.exchange.place_orders(1)
    with StrategyClient(stack.session_endpoint, stack.event_endpoint, "rude", curve=curve_keys(stack, "rude")) as strategy:
        strategy.hello()
        strategy.wait_final(strategy.cancel(order, MARKUP))
    stack.wait_until(lambda: MARKUP in page.text("#finals"), "its cl_ord_id, letter by letter")
    assert page.ask("document.images.length") == 0
    page.resize(390, 844)
    assert fits(page)
    page.resize(1280, 900)


def test_it_says_so_when_the_bus_does_not_answer(stack, page):
    bus = stack.processes["bus"].popen
    bus.send_signal(signal.SIGSTOP)
    try:
        stack.wait_until(lambda: page.text("#state").startswith("STALE: the bus has not answered for "), "it is shown as stale")
        assert page.ask("getComputedStyle(document.querySelector('main')).opacity") == "0.45"
        pictures(page, "stale")
    finally:
        bus.send_signal(signal.SIGCONT)
    stack.wait_until(lambda: page.text("#state").startswith("as of "), "and as fresh again")
    assert page.ask("getComputedStyle(document.querySelector('main')).opacity") == "1"


def test_it_asks_only_the_bus_and_its_policy_holds(stack, page):
    monitor = stack.processes["bus"].endpoints["monitor"]
    asked = {url for url in page.requests if not url.startswith("data:")}
    assert asked == {f"{monitor}/", f"{monitor}/status"}
    assert [complaint for complaint in page.complaints if "ERR_" not in complaint] == []
    page.ask("document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title = 1'}))")
    page.ask("fetch('http://127.0.0.2:1/').catch(() => 0)")
    stack.wait_until(lambda: page.ask("1") and len([c for c in page.complaints if "Content Security Policy" in c]) >= 2,
                     "the browser refuses another script, and another host")
    assert page.ask("document.title").endswith(" \u2013 cancelbus")


def test_a_bus_that_observes_says_so_first(browser):
    with orderly_stack() as stack:
        bus = stack.start_bus(observe="true")
        browser.go(bus.endpoints["monitor"] + "/")
        stack.wait_until(lambda: browser.text("#causes").startswith("OBSERVING: no cancel is sent"), "it is the first line")
