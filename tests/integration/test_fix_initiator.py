"""The FIX gateway and an engine that is not ours: QuickFIX's initiator runs the scripts of tests/integration/fix too."""

import pytest
from desks import grant_desks
from fix_engine import Engine
from fix_script import Script
from test_fix import SCRIPTS, SENDERS, start_fix, traded  # noqa: F401

# These hold what an engine does by itself, or does not let anyone send.
RAW = {"away", "malformed", "session"}


class EngineScript(Script):
    def _logon(self, client):
        client.start(self.stack.fix_port(), reset=True)
        client.expect("A")

    def _resume(self, client):
        client.start(self.stack.fix_port())


@pytest.mark.parametrize("file", [file for file in SCRIPTS if file.stem not in RAW], ids=lambda file: file.stem)
def test_script(traded, file, tmp_path):  # noqa: F811
    script = EngineScript(traded, file, (*SENDERS, "drop"), lambda **settings: start_fix(traded, **settings),
                          lambda name, said: Engine(tmp_path / name, name.upper(), said))
    try:
        script.run()
    finally:
        script.end()


def test_quickfix_reconnects_and_recovers(stack, tmp_path):
    grant_desks(stack)
    stack.start(workers=2, final_wait="500ms")
    stack.start_fix()
    ids = stack.exchange.place_orders(2, newOrderClientId="dA-q")
    engine = Engine(tmp_path, "DESK-A")
    engine.start(stack.fix_port())

    def has(**wanted):
        engine.receive(0.05)
        fields = {int(tag.lstrip("t")): value for tag, value in wanted.items()}
        found = [one for one in engine.received if fields.items() <= dict(one.fields).items()]
        assert len(found) <= 1, found
        return bool(found)

    try:
        engine.send([(35, "F"), (11, "a"), (37, ids[0])])
        stack.wait_until(lambda: has(t11="a", t150="4"), "the first order is canceled")
        # The gateway dies; the engine reconnects by itself, and has what was reported meanwhile.
        stack.exchange.set_faults(latency={"answer_ms": 1500, "count": 1})
        engine.send([(35, "F"), (11, "b"), (37, ids[1])])
        stack.wait_until(lambda: has(t11="b", t150="6"), "the second cancel pends")
        stack.processes["fix"].kill()
        stack.start_fix()
        stack.wait_until(lambda: has(t11="b", t150="4"), "the second order is canceled")
        engine.log_out()
    finally:
        engine.close()
