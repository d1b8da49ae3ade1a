"""The FIX gateway and an engine that is not ours: QuickFIX's initiator, which checks what it gets by our data dictionary."""

import subprocess

import pytest
from conftest import BUILD, ROOT
from desks import grant_desks
from fix import parse

from process import PATIENCE_SECONDS, clean_environment


class Engine:
    def __init__(self, stack, comp_id, folder):
        self.out_file = folder / "received"
        with open(self.out_file, "wb") as out:
            self.popen = subprocess.Popen([BUILD / "bin" / "quickfix-initiator", str(stack.fix_port()), comp_id, folder,
                                           ROOT / "clients" / "fix" / "FIX44.xml"], stdin=subprocess.PIPE, stdout=out,
                                          stderr=subprocess.STDOUT, text=True, env=clean_environment())

    def send(self, text):
        self.popen.stdin.write(text + "\n")
        self.popen.stdin.flush()

    def received(self):
        lines = self.out_file.read_text().split("\n")[:-1]
        return [dict(parse(line)) for line in lines if line.startswith("8=FIX")]

    def finish(self):
        self.popen.stdin.close()
        assert self.popen.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def engine(stack, tmp_path):
    grant_desks(stack)
    stack.start(workers=2, final_wait="500ms")
    stack.start_fix()
    engine = Engine(stack, "DESK-A", tmp_path)
    yield engine
    engine.popen.kill()
    engine.popen.wait()
    engine.popen.stdin.close()


def test_quickfix_cancels_and_recovers(stack, engine):
    ids = stack.exchange.place_orders(3, newOrderClientId="dA-q")

    def has(count, **wanted):
        fields = {int(tag.lstrip("t")): value for tag, value in wanted.items()}
        found = [one for one in engine.received() if fields.items() <= one.items()]
        assert len(found) <= count, found
        return len(found) == count

    engine.send(f"35=F|11=a|37={ids[0]}|41=dA-q-1|55=BTCTRY|54=1|38=1|60=20261130-10:00:00")
    stack.wait_until(lambda: has(1, t11="a", t150="4"), "the first order is canceled")
    # The gateway dies; the engine reconnects by itself, and has what was reported meanwhile.
    stack.exchange.set_faults(latency={"answer_ms": 1500, "count": 1})
    engine.send(f"35=F|11=b|37={ids[1]}")
    stack.wait_until(lambda: has(1, t11="b", t150="6"), "the second cancel pends")
    stack.processes["fix"].kill()
    stack.start_fix()
    stack.wait_until(lambda: has(1, t11="b", t150="4"), "the second order is canceled")
    engine.send("35=q|11=m|530=7|60=20261130-10:00:00")
    stack.wait_until(lambda: has(1, t11="m", t35="r", t533="1"), "the mass cancel is complete")
    engine.send("35=H|11=b|55=BTCTRY|54=1")
    engine.send("35=F|11=c|37=0|41=x")
    stack.wait_until(lambda: has(1, t11="c", t35="9"), "the last cancel is rejected")
    stack.wait_until(lambda: has(1, t11="b", t150="I", t39="4"), "the status is told")
    assert has(0, t35="3") and has(0, t35="j"), "one of the two engines objects"
    engine.finish()
