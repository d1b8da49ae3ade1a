"""An operator watches a stack at work: each stage of a command has its line in the logs, our dashboard and our rules ask for
nothing that is not told, and Debian's Prometheus reads all of it."""

import json
import re
import shlex
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from conftest import orderly_stack
from process import PATIENCE_SECONDS, Process
from scene import bus_metric

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OF_THE_FIX_GATEWAY = "cancelbus_fix_"  # which is not in this stack; test_fix_process.py reads its metrics
METRIC = re.compile(r"\b(?:cancelbus|process)_[a-z0-9_]+")
STRATEGY = "desk-a"


@pytest.fixture(scope="module")
def working():
    """A stack whose every process has a monitor, after one cancel and one query."""
    with orderly_stack() as stack:
        stack.start_exchange()
        stack.start_bus()
        stack.start_worker("worker-1", monitor_address="127.0.0.1:0")
        stack.start_subscriber(monitor_address="127.0.0.1:0")
        stack.wait_connected(workers=1)
        order, = stack.exchange.place_orders(1)
        assert stack.cancelctl("cancel", "--exact", str(order)).exit_code == 0
        yield stack


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=PATIENCE_SECONDS) as page:
        return page.read().decode()


def lines(process, event):
    """Of this process's log, those that are written to their end."""
    found = [json.loads(line) for line in process.log().split("\n")[:-1] if f'"event":"{event}"' in line]
    return [line for line in found if line["event"] == event]


def monitors(stack):
    """URL of each process's monitor."""
    urls = {"bus": stack.processes["bus"].endpoints["monitor"]}
    for name in ("worker-1", "subscriber"):
        process = stack.processes[name]
        said, = stack.wait_until(lambda: lines(process, "monitor_listens"), f"{name} logs its address")  # noqa: B023
        urls[name] = f"http://127.0.0.1:{said['port']}"
    return urls


def told(stack):
    """Names of all metrics; of a histogram also those of its parts."""
    text = "".join(get(f"{url}/metrics") for url in monitors(stack).values())
    return set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))


def rules():
    group, = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return group["rules"]


def test_every_stage_of_a_command_has_one_line_with_its_trace(working, connect):
    strategy = connect(working, STRATEGY)
    order, = working.exchange.place_orders(1)
    command = strategy.cancel(order, traceparent=TRACEPARENT)
    strategy.wait_final(command)
    bus, worker = working.processes["bus"], working.processes["worker-1"]
    for process, event in ((bus, "command_received"), (bus, "task_sent"), (worker, "task_taken"), (worker, "task_ended"),
                           (bus, "cancel_ack"), (bus, "cancel_final")):
        def of_command(process=process, event=event):
            return [line for line in lines(process, event) if line["cl_ord_id"] == command]

        working.wait_until(of_command, event)
        of_this, = of_command()
        assert (of_this["traceparent"], of_this["order_id"], of_this["level"]) == (TRACEPARENT, order, "info"), event


def test_a_repeated_command_is_not_logged_as_received_again(working, connect):
    strategy = connect(working, STRATEGY)
    order, = working.exchange.place_orders(1)
    command = strategy.cancel(order)
    strategy.wait_final(command)
    before = bus_metric(working, "cancelbus_commands_repeated_total")
    strategy.cancel(order, command)
    strategy.wait_until(lambda: bus_metric(working, "cancelbus_commands_repeated_total") > before, "the bus has met it")
    assert len([line for line in lines(working.processes["bus"], "command_received") if line["cl_ord_id"] == command]) == 1


def test_names_follow_prometheus_own_rules(working):
    for name, url in monitors(working).items():
        text = get(f"{url}/metrics")
        kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        assert set(kinds) == set(re.findall(r"^# HELP (\w+) \S", text, re.MULTILINE)), name
        assert {metric for metric, kind in kinds.items() if (kind == "counter") != metric.endswith("_total")} == set(), name
        assert all(metric.endswith("_seconds") for metric, kind in kinds.items() if kind == "histogram"), name


def test_dashboard_and_rules_ask_for_nothing_that_is_not_told(working):
    # A queue that is empty has no line, nor has an owner without open orders; the test of the metrics shows both. A lease has
    # only a bus whose store others share: test_standby.py.
    only_sometimes = {"cancelbus_open_orders", "cancelbus_queue_length", "cancelbus_queue_oldest_age_seconds", "cancelbus_refused_total",
                      "cancelbus_standby_buses", "cancelbus_standby_ready", "cancelbus_lease_renewed_seconds",
                      "cancelbus_store_synchronous_servers"}
    there = told(working)
    for file in ("dashboard.json", "alerts.yaml"):
        asked = {metric for metric in METRIC.findall((MONITORING / file).read_text()) if not metric.startswith(OF_THE_FIX_GATEWAY)}
        assert asked & there, file
        assert asked - there - only_sometimes == set(), file


def test_the_dashboard_shows_every_metric(working):
    parts = re.compile(r"_(bucket|sum|count)$")
    shown = {parts.sub("", name) for name in METRIC.findall((MONITORING / "dashboard.json").read_text())}
    assert {parts.sub("", name) for name in told(working)} - shown == {"cancelbus_build_info", "cancelbus_store_writable",
                                                                      "cancelbus_worker_bus_reached",
                                                                      "cancelbus_worker_key_refused",
                                                                      "cancelbus_subscriber_connected",
                                                                      "cancelbus_subscriber_facts_total",
                                                                      "cancelbus_subscriber_logged_in",
                                                                      "cancelbus_sweep_trouble"}


def test_prometheus_scrapes_it_and_no_rule_fires(working, tmp_path):
    jobs = [{"job_name": "cancelbus", "static_configs": [{"targets": [url.split("//")[1] for url in
                                                                      monitors(working).values()]}]}]
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": jobs,
              "rule_files": [str(MONITORING / "alerts.yaml")]}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    prometheus = Process("prometheus", [program("prometheus"), f"--config.file={tmp_path}/prometheus.yaml",
                                        f"--storage.tsdb.path={tmp_path}/data", "--web.listen-address=127.0.0.1:0"],
                         tmp_path)
    try:
        listening = re.compile(r'msg="Listening on" address=(\S+)')
        address = working.wait_until(lambda: listening.search(prometheus.log()), "Prometheus listens").group(1)
        working.wait_until(lambda: "ready to receive web requests" in prometheus.log(), "Prometheus is ready")

        def query(expression):
            reply = json.loads(get(f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
            return [(series["metric"], float(series["value"][1])) for series in reply["data"]["result"]]

        def all_up():
            return [value for _, value in query('up{job="cancelbus"}')] == [1, 1, 1]

        working.wait_until(all_up, "three targets are up")
        (_, canceled), = query('sum(cancelbus_finals_total{ord_status="CANCELED"})')
        assert canceled == working.exchange.counters()["requests"]["DELETE /api/v1/order"]["200"]
        (_, sent), = query('cancelbus_worker_request_seconds_count{kind="cancel"}')
        assert sent == canceled
        evaluated = [rule for group in json.loads(get(f"http://{address}/api/v1/rules"))["data"]["groups"]
                     for rule in group["rules"]]
        assert {rule["name"] for rule in evaluated} == {rule["alert"] for rule in rules()}
        assert [rule["name"] for rule in evaluated if rule["state"] == "firing"] == []
    finally:
        prometheus.kill()


def test_what_the_runbook_says_to_cancelctl_it_understands(working, connect):
    order, = working.exchange.place_orders(1)
    strategy = connect(working, STRATEGY)
    command = strategy.cancel(order)
    strategy.wait_final(command)
    said = set(re.findall(r"^    (cancelctl .*)$", (ROOT / "deploy" / "RUNBOOK.md").read_text(), re.MULTILINE))
    assert len(said) > 4
    for line in sorted(said):
        for placeholder, value in (("SENDER/CL_ORD_ID", f"{STRATEGY}/{command}"), ("ORDER_ID", str(order))):
            line = line.replace(placeholder, value)
        arguments = shlex.split(line)[1:]
        if arguments[0] == "explain":
            finished = working.cancelctl(*arguments)
            assert finished.exit_code == 0, f"{line}: {finished.log}"
            continue
        if arguments[0] == "resolve":  # which asks for confirmation, and there is no terminal here
            arguments.append("--yes")
        process = working.start_cancelctl("runbook", *arguments)
        if arguments[0] == "watch":  # which goes on until it is ended
            def heard():
                strategy.wait_final(strategy.cancel(*working.exchange.place_orders(1)))
                return process.out() or not process.running

            working.wait_until(heard, line)
            process.ask_to_end()
        assert process.wait_exit() != 2, f"{line}: {process.tail()}"


def program(name):
    """On this machine, or where deploy/setup unpacks it."""
    found = shutil.which(name) or shutil.which(name, path=str(ROOT / "build" / "tools" / "usr" / "bin"))
    assert found, f"{name} is not there: deploy/setup tests"
    return found
