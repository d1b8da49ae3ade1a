"""A newer contract, made at test time from the released one: every message has one more field, every oneof one more
member, every enum one more value. Used by tests in which a newer party meets an older one."""

import functools
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

RELEASED = Path(__file__).resolve().parent / "cancelbus_v1.binpb"
PACKAGE = "cancelbus.v1"
# Of the new field `later`, of the new members `later_ONEOF` from there on, and of the new enum values.
NUMBER = 1000


def _add_to_enum(enum):
    prefix = enum.value[0].name.removesuffix("UNSPECIFIED")
    enum.value.add(name=f"{prefix}LATER", number=NUMBER)


def _new_field(name, number, **more):
    return descriptor_pb2.FieldDescriptorProto(
        name=name, number=number, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL, **more)


def _add_to_message(message):
    message.field.append(_new_field("later", NUMBER))
    for index, oneof in enumerate(message.oneof_decl):  # whose members must stand together
        last = max(at for at, field in enumerate(message.field) if field.HasField("oneof_index") and field.oneof_index == index)
        message.field.insert(last + 1, _new_field(f"later_{oneof.name}", NUMBER + 1 + index, oneof_index=index))
    for nested in message.nested_type:
        _add_to_message(nested)
    for enum in message.enum_type:
        _add_to_enum(enum)


@functools.cache
def _factory():
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(RELEASED.read_bytes()).file:
        if file.package == PACKAGE:
            for message in file.message_type:
                _add_to_message(message)
            for enum in file.enum_type:
                _add_to_enum(enum)
        pool.AddSerializedFile(file.SerializeToString())
    return message_factory.MessageFactory(pool)


@functools.cache
def newer(name):
    """The newer message of this name, as newer("SessionReply") or newer("BusStatus.Window")."""
    factory = _factory()
    return factory.GetPrototype(factory.pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def parts(message):
    """The message and all that it holds, without protobuf's own."""
    if message.DESCRIPTOR.file.package != PACKAGE:
        return
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.label == field.LABEL_REPEATED else [value]:
                yield from parts(part)


def said_later(name, frame):
    """The same, as a newer party would say it: with the new field in all its parts. A frame that cannot be read stays what it
    is."""
    try:
        message = newer(name).FromString(frame)
    except DecodeError:
        return frame
    for part in list(parts(message)):
        part.later = "later"
    return message.SerializeToString()
