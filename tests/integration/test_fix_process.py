"""The FIX gateway as a process: its settings, --check, TLS and certificates, its end, and its numbers."""

import datetime
import json
import ssl
import urllib.request

import pytest
from desks import grant_desks
from fix import FixClient
from scene import metric

from process import PATIENCE_SECONDS, Failed
from throwaway import Authority

SETTINGS = """[DEFAULT]
BeginString=FIX.4.4
SenderCompID=CANCELBUS
SocketAcceptPort=0
FileStorePath={folder}

[SESSION]
TargetCompID=DESK-A
Sender=desk-a
"""


def refusal(stack, text, *flags):
    """What cancel-fix says of these settings; it must not start."""
    file = stack.folder / "wrong.cfg"
    file.write_text(text)
    ended = stack.run("cancel-fix", f"--settings={file}", "--insecure_loopback", *flags)
    assert ended.exit_code == 2, ended.log
    return ended.log


@pytest.mark.parametrize("old, new, complaint", [
    ("BeginString=FIX.4.4", "BeginString=FIX.4.2", "BeginString=FIX.4.2: cancel-fix speaks FIX.4.4 alone"),
    ("Sender=desk-a", "", "give Sender=, the sender_comp_id on the bus, or DropCopy=Y"),
    ("Sender=desk-a", "Sender=desk-a\nDropCopy=Y", "and not both"),
    ("Sender=desk-a", "Sendr=desk-a", "line 9: Sendr is not a setting of cancel-fix"),
    ("Sender=desk-a", "Sender=desk a", "sender_comp_id"),
    ("SocketAcceptPort=0", "SocketAcceptPort=many", 'SocketAcceptPort: "many" is not a port'),
    ("FileStorePath={folder}", "", "FileStorePath: is missing"),
    ("FileStorePath={folder}", "FileStorePath=/nowhere/at/all", "FileStorePath: /nowhere/at/all/cancel-fix.db"),
    ("TargetCompID=DESK-A", "TargetCompID=", "line 8: TargetCompID has no value"),
    ("[SESSION]", "[SESION]", "line 7: [SESION] is neither [DEFAULT] nor [SESSION]"),
    ("Sender=desk-a", "Sender=desk-a\nStartTime=25:00:00", "session of TargetCompID=DESK-A"),
    ("Sender=desk-a", "Sender=desk-a\n[SESSION]\nTargetCompID=DESK-B\nSender=desk-a", "Sender: desk-a has two sessions"),
    ("SocketAcceptPort=0", "SocketAcceptPort=0\nSocketAcceptAddress=0.0.0.0", "is reached from other machines"),
    ("SocketAcceptPort=0", "SocketAcceptPort=0\nServerCertificateFile=/none", "give both"),
    ("Sender=desk-a", "Sender=desk-a\nCertificateName=a", "CertificateName: clients show certificates only with"),
    ("Sender=desk-a", "Sender=desk-a\nSocketAcceptPort=1", "SocketAcceptPort is for all sessions: move it to [DEFAULT]"),
])
def test_what_is_wrong_with_the_settings_is_named(stack, old, new, complaint):
    assert old in SETTINGS
    folder = stack.folder / "store"
    folder.mkdir()
    assert complaint in refusal(stack, SETTINGS.replace(old, new).format(folder=folder))


def test_check_says_what_it_finds(stack):
    grant_desks(stack)
    stack.start(workers=1)
    stack.start_fix(("desk-a",))
    stack.processes["fix"].stop()
    flags = [f"--{flag}={value}" for flag, value in stack.access.flags("fix").items()]
    flags += [f"--settings={stack.folder / 'fix.cfg'}", f"--session_endpoint={stack.session_endpoint}",
              f"--event_endpoint={stack.event_endpoint}", "--check"]
    good = stack.run("cancel-fix", *flags)
    assert good.exit_code == 0, good.out + good.log
    assert "bus      ok     takes sender desk-a" in good.out
    stack.revoke("fix")
    bad = stack.run("cancel-fix", *flags)
    assert bad.exit_code == 1
    assert "bus      FAILED sender desk-a: " in bad.out


def test_tls_with_certificates_of_clients(stack):
    grant_desks(stack)
    stack.start(workers=1)
    clients = stack.folder / "clients"
    clients.mkdir()
    authority = Authority(clients)
    stack.start_fix(("desk-a",), settings=f"ServerCertificateFile={stack.certificate.cert_file}\n"
                                          f"ServerCertificateKeyFile={stack.certificate.key_file}\n"
                                          f"CertificationAuthoritiesFile={authority.cert_file}\n"
                                          "[SESSION]\nTargetCompID=NAMED\nSender=desk-b\nCertificateName=somebody else\n")

    def client(name, certificate=None):
        tls = ssl.create_default_context(cafile=str(stack.authority.cert_file))
        tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an end without close_notify is an error
        if certificate:
            tls.load_cert_chain(certificate.cert_file, certificate.key_file)
        return FixClient(stack.fix_port(), name, tls=tls)

    ours = authority.issue("desk-a", usage="clientAuth")
    desk = client("DESK-A", ours)
    desk.log_on()
    desk.log_out()
    assert not desk.cut_off, "TLS ended without close_notify"
    # The certificate is good, and another one's.
    other = client("NAMED", ours)
    with pytest.raises(Failed, match="the connection has ended"):
        other.log_on()
    stranger = client("DESK-A")
    with pytest.raises((Failed, ssl.SSLError, ConnectionError)):
        stranger.log_on()
    plain = FixClient(stack.fix_port(), "DESK-A")
    with pytest.raises((Failed, ConnectionError)):
        plain.log_on()
    assert metric(stack.processes["fix"].endpoints["monitor"],
                  'cancelbus_fix_refused_connections_total{reason="wrong_certificate"}') == 1


def test_it_logs_its_sessions_out_and_ends(stack):
    grant_desks(stack)
    stack.start(workers=1)
    gateway = stack.start_fix(("desk-a",))
    desk = FixClient(stack.fix_port(), "DESK-A")
    desk.log_on()
    gateway.ask_to_end()
    logout = desk.expect("5")
    assert logout.get(58) == "the gateway ends"
    desk.send([(35, "5")])
    desk.wait_closed()
    assert gateway.wait_exit() == 0
    events = [json.loads(line)["event"] for line in gateway.log().splitlines()]
    assert events[-1] == "stopped"


def test_the_end_of_the_day_logs_out_and_nobody_in(stack):
    grant_desks(stack)
    stack.start(workers=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    begin, end = (now + datetime.timedelta(seconds=seconds) for seconds in (-3600, 8))
    gateway = stack.start_fix(("desk-a",), settings=f"StartTime={begin:%H:%M:%S}\nEndTime={end:%H:%M:%S}\n")
    desk = FixClient(stack.fix_port(), "DESK-A")
    desk.log_on()
    assert desk.expect("5", timeout=60).seq == 2
    desk.wait_closed()
    late = FixClient(stack.fix_port(), "DESK-A")
    with pytest.raises(Failed, match="the connection has ended|expected a message of type A"):
        late.log_on()
    assert gateway.running


def test_its_numbers_and_readiness(stack):
    grant_desks(stack)
    stack.start(workers=1)
    gateway = stack.start_fix(("desk-a",))
    monitor = gateway.endpoints["monitor"]
    stack.wait_until(lambda: metric(monitor, 'cancelbus_fix_bus_reached{session="DESK-A"}') == 1, "the bus is reached")
    with urllib.request.urlopen(f"{monitor}/readyz", timeout=PATIENCE_SECONDS) as page:
        assert page.status == 200
    desk = FixClient(stack.fix_port(), "DESK-A")
    desk.log_on()
    desk.send([(35, "F"), (11, "c-1"), (37, "0")])
    assert desk.expect("9").get(102) == "1"
    assert metric(monitor, 'cancelbus_fix_logged_on{session="DESK-A"}') == 1
    assert metric(monitor, 'cancelbus_fix_received_total{session="DESK-A",type="F"}') == 1
    assert metric(monitor, 'cancelbus_fix_sent_total{session="DESK-A",type="9"}') == 1
    stack.processes["bus"].kill()
    stack.wait_until(lambda: metric(monitor, 'cancelbus_fix_bus_reached{session="DESK-A"}') == 0, "the bus is missed")
    desk.close()
    stack.start_bus()


def test_a_second_gateway_on_the_same_store_does_not_start(stack):
    grant_desks(stack)
    stack.start(workers=1)
    stack.start_fix(("desk-a",))
    ended = stack.run("cancel-fix", f"--settings={stack.folder / 'fix.cfg'}", "--insecure_loopback",
                      "--session_endpoint=tcp://127.0.0.1:1", "--event_endpoint=tcp://127.0.0.1:2")
    assert ended.exit_code == 2
    assert "uses this store" in ended.log
