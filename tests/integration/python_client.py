"""A Python client of a stack, with the key of the operator or of a name. Used by test_*.py."""

import cancelbus
from process import PATIENCE_SECONDS


def options_for(stack, key="operator"):
    return {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint,
            **{flag: str(file) for flag, file in stack.access.flags(key).items()}}


def client(stack, sender="desk-a", kind=cancelbus.Client, key="operator", **options):
    return kind(sender, **options_for(stack, key) | {"connect_timeout": PATIENCE_SECONDS} | options)
