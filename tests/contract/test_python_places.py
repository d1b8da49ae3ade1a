"""The Python client while all places of commands without a receipt are taken, and "z" waits for one to be repeated, because
its final may be lost. What session_test.cpp asks of the C++ client."""

import pytest
from cancelbus.command_requests import MAX_UNRECEIPTED
from cancelbus.v1 import cancel_pb2, session_pb2
from test_session import Stage

TOPIC = "client.desk-a."


class FullSession(Stage):
    def __init__(self):
        super().__init__()
        self.reply(welcome={"epoch": 7, "position": [{"topic": TOPIC, "next_seq": 1}]})
        self.positions, self.epoch = {TOPIC: 6}, 7
        for number in range(MAX_UNRECEIPTED):
            self.cancel(f"id-{number:04}")
        self.receipt("id-0000")
        self.cancel("z")
        self.receipt("z")
        self.session.on_event(TOPIC.encode(), self.ack().SerializeToString(), self.now)
        # All are repeated, z as the last.
        self.reply(retransmit_reject={"epoch": 7, "topic": TOPIC, "first_kept_seq": 6})
        self.sent()
        self.notices.clear()

    def reply(self, **reply):
        self.session.on_reply(session_pb2.SessionReply(**reply).SerializeToString(), self.now)
        self.collect()

    def cancel(self, cl_ord_id):
        assert self.session.cancel(cancel_pb2.CancelOrder(cl_ord_id=cl_ord_id, order_id=1), self.now)
        self.collect()

    def receipt(self, cl_ord_id):
        self.reply(receipt={"cl_ord_id": cl_ord_id, "status": "RECEIPT_STATUS_DUPLICATE"})

    @staticmethod
    def ack():
        return cancel_pb2.Event(epoch=7, topic=TOPIC, seq=1, cancel_ack={"cl_ord_id": "z", "order_id": 1, "final_follows": True})

    def ack_again(self):
        self.reply(retransmission=self.ack())

    def final_again(self):
        self.reply(retransmission=cancel_pb2.Event(epoch=7, topic=TOPIC, seq=2, cancel_final={"cl_ord_id": "z", "order_id": 1}))

    def sent(self):
        """The commands that were sent since it was asked last."""
        self.collect()
        frames, self.frames = self.frames, []
        return [frame.cancel_order.cl_ord_id for frame in frames if frame.HasField("cancel_order")]

    def finals(self):
        return [notice.cl_ord_id for notice in self.notices if isinstance(notice, cancel_pb2.CancelFinal)]


@pytest.fixture
def session():
    return FullSession()


def test_the_repetition_is_sent_once_there_is_a_place(session):
    session.time("20s", "in touch")
    assert "z" not in session.sent()
    session.receipt("id-0000")
    assert session.sent() == ["z"]


def test_a_receipt_of_an_earlier_copy_does_not_end_the_repetition(session):
    session.receipt("z")
    session.time("9500ms", "in touch")
    assert "z" not in session.sent()
    session.time("500ms", "in touch")
    assert session.sent().count("z") == 1
    session.ack_again()
    session.final_again()
    assert session.finals() == ["z"]


def test_an_ack_that_comes_again_takes_no_place(session):
    session.ack_again()
    session.time("19s", "in touch")
    assert session.sent().count("z") == 1  # after 10 s, and not every second
    session.receipt("id-0000")
    assert session.sent() == []
    session.final_again()
    assert session.finals() == ["z"]


def test_an_id_that_is_used_again_while_it_waited_is_sent_once_and_has_one_place(session):
    session.final_again()
    session.cancel("z")
    for number in range(3):
        session.receipt(f"id-{number:04}")
    assert session.sent() == ["z"]
    session.receipt("z")
    for number in range(5):
        session.cancel(f"new-{number}")
    assert len(session.sent()) == 3  # the places of the three that were received, and no other
