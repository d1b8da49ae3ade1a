#include "clients/cancelctl/tables.hpp"

namespace cancelbus::ctl {
namespace {

constexpr const char* CancelAbout = R"(
ID is an order id of the exchange; - reads ids from standard input, between blanks or line ends. Each line that is
printed ends with the command's name, SENDER/CL_ORD_ID, as explain and resolve want it.
)";
constexpr const char* CancelEnd = R"(
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

constexpr const char* CancelAllAbout = R"(
Without flags every open order of the account; --owner, --symbol, --side and --prefix narrow that. It first prints what it
would cancel, and asks. With --owner and --sender of the same name a strategy's key may cancel its own orders. Each order
becomes a command of ours with its own ack and final. The bus goes on with them if this command is interrupted.
)";
constexpr const char* CancelAllEnd = R"(
exit code:
  0  proven: every order is canceled or filled; with --until-empty: no order is left (--dry-run: the list is complete)
  1  refused by the bus, or by you
  2  the command line or a key file is wrong, or the question cannot be asked; nothing was canceled
  3  not proven: no answer in time, an order is still open or has no known end (--dry-run: orders may be missing)

examples:
  cancelctl cancel-all --dry-run
  cancelctl cancel-all --owner desk-a --until-empty
  cancelctl cancel-all --symbol BTCTRY --side sell --urgent --yes --json
)";

constexpr const char* KillAbout = R"(
A kill switch cancels every open order in its scope, and each one that appears until it is released: the bus keeps it,
also when it restarts. Its scope is named by the same flags as with cancel-all. It first prints what it would cancel, and
asks; then it follows the switch until its scope is proven empty. THE SWITCH STAYS ENGAGED when this command ends: only
cancelctl release with the same flags releases it. cancelctl status lists those that are engaged. With --owner and
--sender of the same name a strategy's key may engage one over its own orders.
)";
constexpr const char* KillEnd = R"(
exit code:
  0  engaged, and proven: no order in its scope is open
  1  refused by the bus, or by you: it is not engaged
  2  the command line or a key file is wrong, or the question cannot be asked; it is not engaged
  3  not proven: interrupted, or no answer in time. It may be engaged: look at cancelctl status

examples:
  cancelctl kill --reason "quotes run away"
  cancelctl kill --owner desk-a --symbol BTCTRY --reason "desk-a lost its prices" --yes
)";

constexpr const char* ReleaseAbout = R"(
Releases the kill switch over the scope that the flags name, the same as given to kill; an operator's key releases those
of every sender. The bus refuses it until the scope is proven empty, unless there is --force.
)";
constexpr const char* ReleaseEnd = R"(
exit code: 0 released, 1 refused, 2 the command line or a key file is wrong, 3 no answer.

examples:
  cancelctl release --reason "quotes are back"
  cancelctl release --owner desk-a --symbol BTCTRY --force --reason "its order 61508264 is stuck"
)";

constexpr const char* WatchAbout = R"(
Until interrupted. What was missed on the way is asked for again, and printed in its place.
)";
constexpr const char* WatchEnd = R"(
examples:
  cancelctl watch
  cancelctl watch --topic client.desk-a. --json
)";

constexpr const char* StatusEnd = R"(
exit code: 0 answered, 1 the bus refused our key or name, 2 the command line or a key file is wrong, 3 no answer.

examples:
  cancelctl status
  cancelctl status --json | jq .bus_status.windows
)";

constexpr const char* TopAbout = R"(
On a terminal it redraws in place until q or Ctrl-C is typed. Elsewhere it prints once and ends; with --json it prints
one object at each refresh, with the finals since the one before. Finals are those of all senders if the key may read
them.
)";
constexpr const char* TopEnd = R"(
exit code: 0 ended or interrupted, 1 the bus refused our key or name, 2 the command line or a key file is wrong,
3 no answer (not on a terminal, where it goes on trying).

examples:
  cancelctl top
  cancelctl top --interval 5s --json --count 12 | jq .bus_status.queues
)";

constexpr const char* OrdersAbout = R"(
The account's open orders as far as the bus knows them, by order id: from the exchange's private stream, and from asking
for all of them each minute. A strategy's key sees those of its own names, an operator's and an observer's all.
)";
constexpr const char* OrdersEnd = R"(
exit code:
  0  all are listed that were placed 2 s or more before the time that it prints, and are still open
  1  the bus refused our key or name, or does not list these orders for us
  2  the command line or a key file is wrong
  3  no answer, or open orders may be missing: the bus has not asked the exchange for all of them yet

examples:
  cancelctl orders
  cancelctl orders --owner desk-a --symbol BTCTRY --side sell
  cancelctl orders --json | jq -r 'select(.open_order).open_order.order_id'
)";

constexpr const char* ListAbout = R"(
Commands that wait for their ack or their final, the oldest first: where each stands and why, what the bus does next, and
what you can do. A strategy's key sees those of its own names, an operator's and an observer's all. Causes that hold up all
commands are in cancelctl status.
)";
constexpr const char* ListEnd = R"(
exit code: 0 listed, 1 the bus refused our key or name, or does not list these commands for us, 2 the command line or a key
file is wrong, 3 no answer.

examples:
  cancelctl list --state stuck
  cancelctl list --owner desk-a --older_than 10s
  cancelctl list --state in_doubt --json | jq -r 'select(.command).command.cl_ord_id'
)";

constexpr const char* KeygenAbout = R"(
Writes DIR/NAME.key, which is secret and stays with its owner, and DIR/NAME.pub, and prints the line for the bus's
policy file, to be completed. Never overwrites a file.
)";
constexpr const char* KeygenEnd = R"(
exit code: 0 made, 1 a file could not be written, 2 the command line is wrong.

examples:
  cancelctl keygen bus
  cancelctl keygen --out /etc/cancelbus desk-a
)";

constexpr const char* ResolveAbout = R"(
For a command whose order stays STUCK or IN_DOUBT. Look at the order with the exchange first: its strategy is told what you say here, as its CancelFinal with evidence OPERATOR, and nothing takes it back. So it asks once more, unless there is
--yes, and --reason says how you know: the history keeps it. While a cancel of the order is in flight its answer is waited
for. What the exchange proves until then counts more.
)";
constexpr const char* ResolveEnd = R"(
exit code:
  0  settled
  1  refused by you, or by the bus: no such command, it has its final already, or the fate is proven
  2  the command line is wrong, or the question cannot be asked; nothing was sent
  3  not known in time: ask again

examples:
  cancelctl resolve desk-a/k2v9x0qa-0000001 --as canceled --reason "not in the exchange's list"
  cancelctl resolve desk-a/k2v9x0qa-0000001 --as open --reason "support says so" --yes --json
)";

constexpr const char* RetryAbout = R"(
For operators. The next DELETE of the command's order is due now, and need not keep its distance from the one before; where no
DELETE may be sent (one is in flight, the order's end is proven, the time to live is over), the next query is. It goes as soon as
budget and a worker allow, and counts as any other. cancelctl list says which commands wait, and explain what came of it.
)";
constexpr const char* RetryEnd = R"(
exit code: 0 due now, 1 refused: no such command, or it has ended; or our key may not, 2 the command line or a key file is
wrong, 3 no answer.

examples:
  cancelctl retry desk-a/k2v9x0qa-0000001
)";

constexpr const char* ExplainAbout = R"(
In order, with times and evidence: when the command came, each DELETE and its answer, each query, what the stream said of
the order, what was told to its strategies, and what operators said. The bus is asked: a strategy's key may see commands of
its own names, an operator's and an observer's all. Where no bus answers, --store reads its file, and changes nothing.
)";
constexpr const char* ExplainEnd = R"(
exit code: 0 printed, 1 no such command is known, or the bus refused our key, 2 the command line is wrong or the file of
--store cannot be read, 3 no answer.

examples:
  cancelctl explain desk-a/k2v9x0qa-0000001
  cancelctl explain --store=/var/lib/cancelbus/cancelbus.db --json desk-a/k2v9x0qa-0000001 | jq .what
)";

constexpr const char* FindAbout = R"(
What happened to each command that the bus still knows, as explain prints it, by sender and cl_ord_id; without flags to all of
them. What happened to an order is printed with one of its commands. A strategy's key sees commands of its own names, an
operator's and an observer's all.
)";
constexpr const char* FindEnd = R"(
exit code: 0 all is printed, 1 the bus refused our key or name, or does not show this to us, 2 the command line or a key file is
wrong, 3 no answer, or there are more commands than --limit.

examples:
  cancelctl find --order_id 61508264
  cancelctl find --owner desk-a --from 10m
  cancelctl find --from 2026-03-02T09:30:00Z --to 2026-03-02T09:31:00Z --json | jq -r 'select(.type == "received").cl_ord_id'
)";

constexpr const char* BackupAbout = R"(
For audits and drills. The copy is one state of the store, in one file that sqlite3 -readonly opens anywhere. The bus may
run: it is not blocked, only its write-ahead log is not shortened until the copy is made. FILE must not exist; it gets
its name when it is complete, checked and on disk. Only its owner may read it. A backup that is killed leaves a folder
FILE.XXXXXX, which may be removed. A bus that is started on the copy does not trust it: deploy/BACKUP.md says what it
does then, and what may be restored.
)";
constexpr const char* BackupEnd = R"(
exit code: 0 written, 1 FILE could not be written, 2 the command line is wrong or the store cannot be read.

examples:
  cancelctl backup cancelbus-2026-03-02.db
  cancelctl backup --store=/var/lib/cancelbus/cancelbus.db --json /backup/cancelbus-2026-03-02.db | jq .commands
)";

constexpr const char* RecordAbout = R"(
For operators. Until interrupted, it appends one JSON line to FILE (- is standard output) for each response that a worker
receives and each frame and change of connection that the subscriber meets, redacted where it was received: keys,
signatures, user ids, balances and IPv4 addresses are replaced. A line `lost` says how many lines of a source are missing.
At the end it says what it has recorded. clients/README.md describes the lines.
)";
constexpr const char* RecordEnd = R"(
exit code:
  0  interrupted, nothing is missing
  1  the bus refused our key or name, or FILE could not be written
  2  the command line or a key file is wrong
  3  interrupted, and lines are missing, or the bus never answered

examples:
  cancelctl record day-one.jsonl
  cancelctl record - | jq -r 'select(.frame) | .frame.text'
)";

constexpr const char* CompletionEnd = R"(
examples:
  source <(cancelctl completion bash)                                  # in ~/.bashrc
  cancelctl completion zsh >"${fpath[1]}/_cancelctl"                   # before compinit
)";

}  // namespace

const std::vector<CommandText>& command_texts() {
  static const std::vector<CommandText> All = {
      {Command::Cancel, "cancel", "ID...", "cancel orders, and wait until their fate is proven", CancelAbout,
       CancelEnd},
      {Command::CancelAll, "cancel-all", "", "cancel every open order, or those of an owner, a pair or a side",
       CancelAllAbout, CancelAllEnd},
      {Command::Kill, "kill", "", "engage a kill switch: cancel every order in a scope, now and later", KillAbout,
       KillEnd},
      {Command::Release, "release", "", "release a kill switch", ReleaseAbout, ReleaseEnd},
      {Command::Watch, "watch", "", "print acks, finals and other events as they happen", WatchAbout, WatchEnd},
      {Command::Status, "status", "", "print budget, holds, queue, workers, stream and kill switches", "", StatusEnd},
      {Command::Top, "top", "", "show budget, queue, doubts and the last finals as they change", TopAbout, TopEnd},
      {Command::Orders, "orders", "", "print the account's open orders and whose they are", OrdersAbout, OrdersEnd},
      {Command::List, "list", "", "print undecided commands: why, since when, and what comes next", ListAbout, ListEnd},
      {Command::Keygen, "keygen", "NAME", "make a CURVE key pair: NAME.key, which is secret, and NAME.pub", KeygenAbout,
       KeygenEnd},
      {Command::Resolve, "resolve", "SENDER/CL_ORD_ID", "settle by your word what the exchange does not tell",
       ResolveAbout, ResolveEnd},
      {Command::Retry, "retry", "SENDER/CL_ORD_ID", "have the next request of an order sent now", RetryAbout, RetryEnd},
      {Command::Explain, "explain", "SENDER/CL_ORD_ID", "print all that happened to one command", ExplainAbout,
       ExplainEnd},
      {Command::Find, "find", "", "print what happened to the commands of an order, a sender or a time", FindAbout,
       FindEnd},
      {Command::Backup,
       "backup",
       "FILE",
       "copy the bus's store into a new file, while the bus runs",
       BackupAbout,
       BackupEnd,
       {},
       Flag::Value::File},
      {Command::Record,
       "record",
       "FILE",
       "write what workers and subscriber receive from the exchange, redacted",
       RecordAbout,
       RecordEnd,
       {},
       Flag::Value::File},
      {Command::Completion,
       "completion",
       "SHELL",
       "print what has a shell complete this command's words",
       "",
       CompletionEnd,
       {{"bash", "for bash 4.4 and later"}, {"zsh", "for zsh 5 and later"}}},
  };
  return All;
}

const CommandText& text_of(Command command) {
  const auto& all = command_texts();
  size_t i = 0;
  while (all[i].command != command) ++i;
  return all[i];
}

std::string listed(const std::vector<Choice>& choices, std::string_view last_joint) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text += i + 1 == choices.size() ? last_joint : ", ";
    text += choices[i].word;
  }
  return text;
}

}  // namespace cancelbus::ctl
