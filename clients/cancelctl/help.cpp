#include "clients/cancelctl/help.hpp"

namespace cancelbus::ctl {
namespace {

constexpr const char* Overview = R"(cancelctl: cancel orders through cancelbus, and see what it does.

usage: cancelctl [FLAG...] COMMAND [ARGUMENT...]

  cancel ID...   cancel orders, and wait until their fate is proven
  watch          print acks, finals and other events as they happen
  status         print budget, queue, workers and stream
  keygen NAME    make a CURVE key pair: NAME.key, which is secret, and NAME.pub
  resolve NAME   settle by your word what the exchange does not tell
  explain NAME   print all that happened to one command, from the bus's store

  cancelctl COMMAND --help shows a command's own flags, with examples; cancelctl --version tells the version.
)";

constexpr const char* CommonFlags = R"(
flags of every command that talks to the bus:
  --session_endpoint ENDPOINT   where commands go (tcp://127.0.0.1:5550)
  --event_endpoint ENDPOINT     where events come from (tcp://127.0.0.1:5551)
  --curve_key_file FILE         our secret key
  --curve_server_key_file FILE  the bus's public key
  --insecure_loopback           instead of keys: plain sockets to a bus on this machine that was started likewise
  --sender NAME                 who we are (ctl- and eight random characters)
  --json                        one JSON object per line instead of text
  -h, --help                    this text

Each flag can also be given as environment variable, as CANCELBUS_SESSION_ENDPOINT.
)";

constexpr const char* Cancel = R"(cancelctl cancel: cancel orders, and wait until their fate is proven.

usage: cancelctl cancel [FLAG...] ID...

  ID is an order id of the exchange; - reads ids from standard input, between blanks or line ends.

  --ttl DURATION         give up what could not be sent within this time (no limit)
  --urgent               before every command that is not urgent
  --exact                ask the exchange for exact quantities before the final
  --wait ack|final       until the exchange answered, or until the order's fate is proven (final)
  --timeout DURATION     wait at most this long (30s)

exit code:
  0  all proven: canceled or filled (with --wait ack: accepted by the exchange)
  1  something was refused or rejected (our key too), or the order is still open
  2  the command line or a key file is wrong; nothing was sent
  3  not known in time: no answer, or in doubt. A command that was received goes on without us.

examples:
  cancelctl cancel 61508264
  cancelctl cancel --urgent --ttl 2s 61508264 61508265
  cut -d, -f1 orders.csv | cancelctl cancel --json -
)";

constexpr const char* Watch = R"(cancelctl watch: print events as they happen, until interrupted.

usage: cancelctl watch [FLAG...]

  --topic PREFIX   events of these topics; may be repeated (client. and venue.)
                     client.          what became of every sender's commands
                     client.desk-a.   of one sender's
                     venue.           orders that left the book without a command
                     bus.             the state of the bus, every second

What was missed on the way is asked for again, and printed in its place.

examples:
  cancelctl watch
  cancelctl watch --topic client.desk-a. --json
)";

constexpr const char* Status = R"(cancelctl status: print budget, holds, queue, workers and stream.

usage: cancelctl status [FLAG...]

  --timeout DURATION   wait at most this long for the answer (5s)

exit code: 0 answered, 1 the bus refused our key or name, 2 the command line or a key file is wrong, 3 no answer.

examples:
  cancelctl status
  cancelctl status --json | jq .bus_status.windows
)";

constexpr const char* Keygen = R"(cancelctl keygen: make a CURVE key pair.

usage: cancelctl keygen [--out DIR] NAME

  Writes DIR/NAME.key, which is secret and stays with its owner, and DIR/NAME.pub, and prints the line for the bus's
  policy file, to be completed. Never overwrites a file.

  --out DIR   where (.)

exit code: 0 made, 1 a file could not be written, 2 the command line is wrong.

examples:
  cancelctl keygen bus
  cancelctl keygen --out /etc/cancelbus desk-a
)";

constexpr const char* Resolve = R"(cancelctl resolve: settle by your word what the exchange does not tell.

usage: cancelctl resolve [FLAG...] --as WORD SENDER/CL_ORD_ID

For a command whose order stays STUCK or IN_DOUBT. Look at the order with the exchange first: its strategy is told what
you say here, as its CancelFinal with evidence OPERATOR, and nothing takes it back.

  --as canceled        the order was canceled: every undecided command of the order ends
  --as filled          it was filled: likewise
  --as unknown_order   there is no such order: likewise
  --as open            it is open: this command ends, other commands of the order go on
  --timeout DURATION   wait at most this long (30s)

While a cancel of the order is in flight its answer is waited for. What the exchange proves until then counts more.

exit code:
  0  settled
  1  refused: no such command, it has its final already, or the fate is proven
  2  the command line is wrong; nothing was sent
  3  not known in time: ask again

examples:
  cancelctl resolve desk-a/k2v9x0qa-0000001 --as canceled
  cancelctl resolve desk-a/k2v9x0qa-0000001 --as open --json
)";

constexpr const char* Explain = R"(cancelctl explain: print all that happened to one command, from the bus's store.

usage: cancelctl explain [--store PATH] SENDER/CL_ORD_ID

  --store PATH   the store, as cancel-bus is given it (cancelbus.db); sqlite:PATH is taken too

In order, with times and evidence: when the command came, each DELETE and its answer, each query, what the stream said of
the order, what was told to its strategies, and what operators said. The store is only read, whether the bus runs or not.

exit code: 0 printed, 1 the store knows no such command, 2 the command line is wrong or the store cannot be read.

examples:
  cancelctl explain desk-a/k2v9x0qa-0000001
  cancelctl explain --store=/var/lib/cancelbus/cancelbus.db --json desk-a/k2v9x0qa-0000001 | jq .what
)";

const char* text_of(std::optional<Command> command) {
  if (!command) return Overview;
  switch (*command) {
    case Command::Cancel:
      return Cancel;
    case Command::Watch:
      return Watch;
    case Command::Status:
      return Status;
    case Command::Keygen:
      return Keygen;
    case Command::Resolve:
      return Resolve;
    case Command::Explain:
      return Explain;
  }
  return Overview;
}

}  // namespace

std::string help(std::optional<Command> command) {
  return command == Command::Keygen ? Keygen : std::string(text_of(command)) + CommonFlags;
}

}  // namespace cancelbus::ctl
