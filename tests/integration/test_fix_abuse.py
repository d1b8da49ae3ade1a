"""Random and damaged messages at the FIX gateway: it stays, other sessions are not disturbed, and what is wrong in a way that
FIX names gets the reject that FIX prescribes."""

import random
import socket
import ssl

import pytest
from desks import grant_desks
from fix import FixClient, frame_of, parse
from scene import metric, positive_number

from conftest import orderly_stack

# tests/run --all fix asks for more.
MESSAGES = positive_number("TEST_FIX_MESSAGES", 1500)
PER_CONNECTION = 100
VALID = ("35=0", "35=1|112=a", "35=2|7=1|16=0", "35=4|36=900|123=N", "35=5|58=bye", "35=A|98=0|108=30", "35=3|45=1|58=x",
         "35=F|11=c|37=999999999|41=o|55=BTCTRY|54=1|38=1|60=20261130-10:00:00|453=1|448=a|447=D|452=1",
         "35=F|11=c|41=dA-nobody", "35=q|11=m|530=1|55=NONE|54=2", "35=H|11=c|37=5|790=s", "35=D|11=c|453=2|448=a|448=b",
         "35=j|372=8|380=3", "35=8|37=1|17=1|150=4|39=4", "35=V|262=r|267=2|269=0|269=1", "35=U1|9001=x", "35=zz")
ODD = ("", "0", "-1", "1e9", "99999999999999999999", "\x00", "\xff" * 9, "Y", "=", "N" * 5000, "20261301-00:00:00", "1\n2", "%s%n")
# What is wrong with 35=F, and the reject: SessionRejectReason and the tag that it names.
WRONG = (("11=c|37=5|54=Q", "5", "54"), ("11=c|37=5|60=now", "6", "60"), ("11=c|37=5|38=many", "6", "38"),
         ("11=c|37=5|55=", "4", "55"), ("37=5", "1", "11"), ("11=c|37=5|58=a|58=b", "13", "58"), ("11=c|37=5|57=late", "14", "57"))


@pytest.fixture(scope="module")
def abused(tmp_path_factory):
    with orderly_stack() as stack:
        grant_desks(stack)
        stack.start(workers=1)
        stack.start_fix(("desk-a", "desk-b"))
        tls = f"ServerCertificateFile={stack.certificate.cert_file}\nServerCertificateKeyFile={stack.certificate.key_file}\n"
        stack.start_fix(("desk-c",), name="fix-tls", settings=tls)
        yield stack


def damaged(randomness, fields):
    """The fields with one to three things wrong."""
    fields = list(fields)
    for _ in range(randomness.randint(1, 3)):
        at = randomness.randrange(len(fields))
        change = randomness.randrange(6)
        if change == 0:
            del fields[at]
        elif change == 1:
            fields.insert(at, fields[randomness.randrange(len(fields))])
        elif change == 2:
            fields[at] = (fields[at][0], randomness.choice(ODD))
        elif change == 3:
            fields[at] = (randomness.choice((0, 7, 8, 10, 34, 43, 95, 96, 123, 453, 448, 5001, 99999, -3)), fields[at][1])
        elif change == 4:
            fields.insert(at, (randomness.choice((34, 36, 43, 97, 122, 141, 453, 454, 95, 96)), randomness.choice(ODD)))
        else:
            randomness.shuffle(fields)
        if not fields:
            break
    return fields


def broken(randomness, frame):
    """The bytes with some of them changed, missing, or more."""
    data = bytearray(frame.encode("latin-1"))
    for _ in range(randomness.randint(1, 4)):
        at = randomness.randrange(len(data))
        change = randomness.randrange(4)
        if change == 0:
            data[at] = randomness.randrange(256)
        elif change == 1:
            del data[at:at + randomness.randint(1, 20)]
        elif change == 2:
            data[at:at] = bytes(randomness.randrange(256) for _ in range(randomness.randint(1, 20)))
        else:
            del data[at:]
        if not data:
            break
    return bytes(data)


def bombard(client, randomness, count):
    """A connection, and so many messages as it takes."""
    client.connect()
    client.next_out = 1
    client.send([(35, "A"), (98, 0), (108, 30), (141, "Y")])
    try:
        for _ in range(count):
            header = [(34, client.next_out), (49, client.sender), (56, client.target), (52, "20261130-10:00:00")]
            kind, *body = parse(randomness.choice(VALID))
            fields = [kind, *header, *body]
            if randomness.random() < 0.8:
                fields = damaged(randomness, fields)
            client.next_out += 1
            frame = frame_of(fields)
            data = frame.encode("latin-1") if randomness.random() < 0.7 else broken(randomness, frame)
            client.send_bytes(data)
    except (ConnectionError, ssl.SSLError, socket.timeout):
        pass
    client.close()


def is_well(client):
    """A session that answers a test request."""
    client.send([(35, "1"), (112, "well")])
    while True:
        message = client.receive()
        assert message is not None, "the other session was disturbed"
        if message.get(112) == "well":
            return


@pytest.mark.parametrize("name", ["fix", "fix-tls"])
def test_random_and_damaged_messages_disturb_nobody(abused, name):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    randomness = random.Random(seed)
    port = abused.fix_port(name)
    tls = ssl.create_default_context(cafile=str(abused.authority.cert_file)) if name == "fix-tls" else None
    culprit = FixClient(port, "DESK-C" if tls else "DESK-A", tls=tls)
    bystander = None if tls else FixClient(port, "DESK-B")
    if bystander:
        bystander.log_on(fields=((141, "Y"),))
    for _ in range(max(1, MESSAGES // 2 // PER_CONNECTION)):
        bombard(culprit, randomness, PER_CONNECTION)
        if bystander:
            is_well(bystander)
    assert abused.processes[name].running
    # Bytes that are no TLS at all, or no FIX.
    for _ in range(20):
        with socket.create_connection(culprit.address) as stranger:
            stranger.sendall(bytes(randomness.randrange(256) for _ in range(200)))

    def logs_on():
        culprit.next_out = culprit.next_in = 1
        culprit.connect()
        culprit.send([(35, "A"), (98, 0), (108, 30), (141, "Y")])
        answer = culprit.receive()
        return answer is not None and answer.type == "A"

    abused.wait_until(logs_on, "the session that was abused logs on again")
    is_well(culprit)
    culprit.close()
    if bystander:
        bystander.log_out()


def test_a_gap_may_be_followed_by_many_messages_and_not_by_endless_ones(abused):
    client = FixClient(abused.fix_port(), "DESK-A")
    client.log_on(fields=((141, "Y"),))
    for _ in range(499):  # QuickFIX works through these recursively
        client.send([(35, "0"), (34, client.next_out + (client.next_out == 2))])
    assert client.expect("2").get(7) == "2"
    end = client.next_out
    client.send([(35, "4"), (34, 2), (43, "Y"), (122, "20260101-00:00:00"), (123, "Y"), (36, 3)])
    client.next_out = end
    is_well(client)
    client.next_out += 1
    try:
        for _ in range(600):
            client.send([(35, "0")])
    except ConnectionError:
        pass
    client.wait_closed()
    abused.wait_until(lambda: metric(abused.processes["fix"].endpoints["monitor"],
                                     'cancelbus_fix_refused_connections_total{reason="gap_not_filled"}') == 1, "it is counted")


def test_what_fix_names_gets_its_reject(abused):
    client = FixClient(abused.fix_port(), "DESK-A")
    client.log_on(fields=((141, "Y"),))
    client.received.clear()
    randomness = random.Random(7)
    for _ in range(max(30, MESSAGES // 20)):
        body, reason, tag = randomness.choice(WRONG)
        seq = client.next_out
        client.send([(35, "F"), *parse(body)])
        reject = client.receive()
        while reject is not None and reject.type in ("0", "1", "8", "9"):
            reject = client.receive()
        assert reject is not None and (reject.type, reject.get(45), reject.get(373), reject.get(371)) == ("3", str(seq), reason, tag), reject
    client.log_out()
