#include "clients/cancelctl/commands.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "clients/cancelctl/help.hpp"
#include "clients/cancelctl/tally.hpp"
#include "tests/unit/clients/fake_bus.hpp"

namespace cancelbus::ctl {
namespace {

using client::FakeBus;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class CommandsTest : public testing::Test {
 protected:
  /// `ask`: the terminal's answers; none: there is no terminal.
  int run_with(Arguments arguments, std::function<std::string()> ask = {}) {
    bus_.stop();
    bus_.start();
    arguments.session_endpoint = bus_.session_endpoint();
    arguments.event_endpoint = bus_.event_endpoint();
    arguments.sender = "desk-a";
    Console console{out_, err_, {}, false, false, interrupted_, [] { return false; }, std::move(ask)};
    return run(arguments, console);
  }

  static Arguments cancel(std::vector<int64_t> ids) {
    Arguments arguments;
    arguments.insecure_loopback = true;
    arguments.sender = "desk-a";
    arguments.command = Command::Cancel;
    arguments.order_ids = std::move(ids);
    arguments.timeout = seconds(20);
    return arguments;
  }

  std::vector<google::protobuf::Struct> json_lines() const {
    std::vector<google::protobuf::Struct> lines;
    std::istringstream in(out_.str());
    for (std::string line; std::getline(in, line);) {
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &lines.emplace_back()).ok()) << line;
    }
    return lines;
  }

  FakeBus bus_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::atomic<bool> interrupted_{false};
};

TEST_F(CommandsTest, AllCanceledIsProven) {
  EXPECT_EQ(run_with(cancel({11, 12})), ExitProven);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("order 11 ack ACCEPTED; final follows, after "),
                                HasSubstr("order 12 final CANCELED (CHANNEL_452), after ")));
  EXPECT_THAT(err_.str(), HasSubstr("2 asked: 2 canceled"));
}

TEST_F(CommandsTest, EachLineNamesItsCommandAsExplainWantsIt) {
  EXPECT_EQ(run_with(cancel({11})), ExitProven);
  EXPECT_THAT(out_.str(), MatchesRegex("(order 11 .*, after .* \\(desk-a/[a-z0-9]{8}-0000001\\)\n){2}"));
  EXPECT_THAT(err_.str(), Not(HasSubstr("next:")));
}

TEST_F(CommandsTest, InDoubtItNamesTheNextStep) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_APPLIED);
    desk.ack(v1::CANCEL_ACK_STATUS_IN_DOUBT);
  };
  Arguments arguments = cancel({11});
  arguments.wait = Wait::Ack;
  EXPECT_EQ(run_with(arguments), ExitUnknown);
  EXPECT_THAT(err_.str(), ContainsRegex("next: 'cancelctl status' .*'cancelctl explain "
                                        "desk-a/[a-z0-9]{8}-0000001'.*'cancelctl cancel 11'"));
}

TEST_F(CommandsTest, JsonTellsEveryMessageWithItsTimes) {
  Arguments arguments = cancel({11});
  arguments.json = true;
  EXPECT_EQ(run_with(arguments), ExitProven);
  const auto lines = json_lines();
  std::vector<std::string> types;
  for (const auto& line : lines) {
    types.push_back(line.fields().at("type").string_value());
    EXPECT_EQ(line.fields().at("order_id").string_value(), "11");
    EXPECT_EQ(line.fields().at("sender_comp_id").string_value(), "desk-a");
    EXPECT_TRUE(line.fields().contains("submitted"));
    EXPECT_TRUE(line.fields().contains("heard"));
    EXPECT_TRUE(line.fields().contains(types.back()));
  }
  std::erase(types, "receipt");  // which the ack may overtake
  EXPECT_THAT(types, ElementsAre("cancel_ack", "cancel_final"));
}

TEST_F(CommandsTest, ARefusalFails) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_REFUSED, v1::CXL_REJ_REASON_BUS_FULL);
  };
  EXPECT_EQ(run_with(cancel({11})), ExitFailed);
  EXPECT_THAT(out_.str(), HasSubstr("order 11 refused, BUS_FULL"));
}

TEST_F(CommandsTest, AnOrderThatStaysOpenFails) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_APPLIED);
    desk.ack(v1::CANCEL_ACK_STATUS_ACCEPTED);
    desk.final(desk.order.order_id() == 11 ? v1::ORD_STATUS_NEW : v1::ORD_STATUS_FILLED);
  };
  EXPECT_EQ(run_with(cancel({11, 12})), ExitFailed);
  EXPECT_THAT(err_.str(), HasSubstr("1 filled, 1 still open"));
}

TEST_F(CommandsTest, WaitingForTheAckDoesNotWaitForTheFinal) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_APPLIED);
    desk.ack(v1::CANCEL_ACK_STATUS_ACCEPTED);
  };
  Arguments arguments = cancel({11});
  arguments.wait = Wait::Ack;
  EXPECT_EQ(run_with(arguments), ExitProven);
}

TEST_F(CommandsTest, WhatIsNotKnownInTimeIsNamed) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) { desk.receipt(v1::RECEIPT_STATUS_APPLIED); };
  Arguments arguments = cancel({11});
  arguments.timeout = milliseconds(1500);
  arguments.json = true;
  EXPECT_EQ(run_with(arguments), ExitUnknown);
  const auto lines = json_lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].fields().at("type").string_value(), "unknown");
  EXPECT_EQ(lines[1].fields().at("text").string_value(), "1.5 s passed without its final; last heard: received");
}

TEST_F(CommandsTest, WithoutABusNothingIsSent) {
  bus_.start();
  Arguments arguments = cancel({11});
  arguments.session_endpoint = bus_.session_endpoint();
  arguments.event_endpoint = bus_.event_endpoint();
  arguments.timeout = milliseconds(200);
  bus_.stop();
  Console console{out_, err_, {}, false, false, interrupted_};
  EXPECT_EQ(run(arguments, console), ExitUnknown);
  EXPECT_THAT(err_.str(), HasSubstr("answered: nothing was sent"));
  EXPECT_EQ(bus_.commands_seen(), 0);
}

TEST_F(CommandsTest, AnEndpointThatCannotBeUsedIsAUsageError) {
  Arguments arguments = cancel({11});
  arguments.session_endpoint = "tcp://nowhere";
  Console console{out_, err_, {}, false, false, interrupted_};
  EXPECT_EQ(run(arguments, console), ExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--session_endpoint \"tcp://nowhere\""));
}

TEST_F(CommandsTest, StatusPrintsTheTable) {
  Arguments arguments;
  arguments.insecure_loopback = true;
  arguments.timeout = seconds(20);
  EXPECT_EQ(run_with(arguments), ExitProven);
  EXPECT_THAT(out_.str(), HasSubstr("open     3 commands undecided"));
}

TEST_F(CommandsTest, WatchPrintsTheEventsOfOthers) {
  bus_.start();
  Arguments arguments;
  arguments.insecure_loopback = true;
  arguments.command = Command::Watch;
  arguments.topics = {"client.desk-b."};
  arguments.json = true;
  // Cancels of desk-b go on until the watcher has seen one: it may connect late.
  std::jthread desk_b([this](std::stop_token stopped) {
    std::string error;
    const auto other = client::Client::open(
        {bus_.session_endpoint(), bus_.event_endpoint(), {.sender_comp_id = "desk-b"}, {}, {}, true}, error);
    while (!stopped.stop_requested() && !interrupted_) {
      other->cancel(77);
      other->run_once(milliseconds(20));
    }
  });
  class StopAtFirstLine : public std::stringbuf {
   public:
    explicit StopAtFirstLine(std::atomic<bool>& stop) : stop_(stop) {}
    int sync() override {
      if (!str().empty()) stop_ = true;
      return 0;
    }

   private:
    std::atomic<bool>& stop_;
  } buffer(interrupted_);
  std::ostream out(&buffer);
  Console console{out, err_, {}, false, false, interrupted_};
  arguments.session_endpoint = bus_.session_endpoint();
  arguments.event_endpoint = bus_.event_endpoint();
  arguments.sender = "watcher";
  EXPECT_EQ(run(arguments, console), ExitProven);
  EXPECT_THAT(buffer.str(), AllOf(HasSubstr(R"("topic":"client.desk-b.")"), HasSubstr(R"("order_id":"77")"),
                                  Not(HasSubstr("lost_events"))));
}

TEST(Help, NamesEveryExitCodeAndGivesExamples) {
  EXPECT_THAT(help(Command::Cancel), AllOf(HasSubstr("exit code"), HasSubstr("examples:"), HasSubstr("--ttl")));
  EXPECT_THAT(help(Command::Watch), AllOf(HasSubstr("examples:"), HasSubstr("--topic")));
  EXPECT_THAT(help(Command::Status), HasSubstr("examples:"));
  EXPECT_THAT(help({}), AllOf(HasSubstr("cancel ID..."), HasSubstr("--session_endpoint")));
}

class ResolveTest : public CommandsTest {
 protected:
  static Arguments resolve() {
    Arguments arguments;
    arguments.command = Command::Resolve;
    arguments.insecure_loopback = true;
    arguments.sender_comp_id = "desk-b";
    arguments.cl_ord_id = "c1";
    arguments.as = v1::ORD_STATUS_NEW;
    arguments.reason = "seen in their list";
    arguments.yes = true;
    arguments.timeout = seconds(20);
    return arguments;
  }
};

TEST_F(ResolveTest, SettledAfterAWhile) {
  bus_.resolved = {v1::RESOLVE_STATUS_PENDING, v1::RESOLVE_STATUS_SETTLED};
  EXPECT_EQ(run_with(resolve()), ExitProven);
  EXPECT_EQ(out_.str(), "desk-b/c1 not settled yet: as ORD_STATUS_NEW\ndesk-b/c1 settled: as ORD_STATUS_NEW\n");
}

TEST_F(ResolveTest, RefusedFails) {
  bus_.resolved = {v1::RESOLVE_STATUS_REFUSED};
  Arguments arguments = resolve();
  arguments.json = true;
  EXPECT_EQ(run_with(arguments), ExitFailed);
  const auto lines = json_lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].fields().at("type").string_value(), "resolved");
  EXPECT_EQ(lines[0].fields().at("resolved").struct_value().fields().at("status").string_value(),
            "RESOLVE_STATUS_REFUSED");
}

TEST_F(ResolveTest, GivesTheReason) {
  std::string reason;
  bus_.on_request = [&reason](const v1::SessionRequest& request, v1::SessionReply&) {
    if (request.has_resolve()) reason = request.resolve().reason();
    return false;
  };
  EXPECT_EQ(run_with(resolve()), ExitProven);
  EXPECT_EQ(reason, "seen in their list");
}

TEST_F(ResolveTest, AsksOnceMoreUnlessItIsToldNotTo) {
  Arguments arguments = resolve();
  arguments.yes = false;
  EXPECT_EQ(run_with(arguments), ExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("there is no terminal to ask on; give --yes"));
  EXPECT_EQ(run_with(arguments, [] { return "n"; }), ExitFailed);
  EXPECT_THAT(err_.str(), HasSubstr("Tell desk-b/c1 that its order is open? Nothing takes it back, and the bus does "
                                    "not check it. [y/N] cancelctl: nothing was settled"));
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(run_with(arguments, [] { return "y"; }), ExitProven);
  EXPECT_EQ(out_.str(), "desk-b/c1 settled: as ORD_STATUS_NEW\n");
}

TEST_F(ResolveTest, PendingForLongIsNotKnown) {
  bus_.resolved = {v1::RESOLVE_STATUS_PENDING};
  Arguments arguments = resolve();
  arguments.timeout = milliseconds(1500);
  EXPECT_EQ(run_with(arguments), ExitUnknown);
  EXPECT_THAT(err_.str(), HasSubstr("not settled within 1.5 s"));
}

class RetryTest : public CommandsTest {
 protected:
  RetryTest() {
    arguments_.command = Command::Retry;
    arguments_.insecure_loopback = true;
    arguments_.sender_comp_id = "desk-b";
    arguments_.cl_ord_id = "c1";
    arguments_.timeout = seconds(20);
    bus_.on_request = [this](const v1::SessionRequest& request, v1::SessionReply& answer) {
      if (!request.has_retry()) return false;
      const bool ours = request.retry().sender_comp_id() == "desk-b" && request.retry().cl_ord_id() == "c1";
      answer.mutable_retry()->set_status(ours ? status_ : v1::RETRY_STATUS_UNSPECIFIED);
      answer.mutable_retry()->set_text("of a test");
      answer.mutable_retry()->set_request_id(request.retry().request_id());
      return true;
    };
  }

  Arguments arguments_;
  v1::RetryStatus status_ = v1::RETRY_STATUS_RETRYING;
};

TEST_F(RetryTest, SaysWhatIsDue) {
  EXPECT_EQ(run_with(arguments_), ExitProven);
  EXPECT_EQ(out_.str(), "desk-b/c1: of a test\n");
}

TEST_F(RetryTest, RefusedFails) {
  status_ = v1::RETRY_STATUS_REFUSED;
  EXPECT_EQ(run_with(arguments_), ExitFailed);
  EXPECT_EQ(out_.str(), "desk-b/c1 not retried: of a test\n");
}

TEST_F(RetryTest, JsonNamesTheCommand) {
  arguments_.json = true;
  EXPECT_EQ(run_with(arguments_), ExitProven);
  const auto lines = json_lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].fields().at("type").string_value(), "retry");
  EXPECT_EQ(lines[0].fields().at("cl_ord_id").string_value(), "c1");
  EXPECT_EQ(lines[0].fields().at("retry").struct_value().fields().at("status").string_value(), "RETRY_STATUS_RETRYING");
}

class OrdersTest : public CommandsTest {
 protected:
  OrdersTest() {
    arguments_.command = Command::Orders;
    arguments_.insecure_loopback = true;
    arguments_.timeout = seconds(20);
  }

  static v1::OpenOrders page(std::vector<int64_t> ids, bool complete, int64_t next = 0) {
    v1::OpenOrders page;
    for (const int64_t id : ids) page.add_open_order()->set_order_id(id);
    if (complete) page.mutable_complete_as_of()->set_seconds(1'700'000'000);
    page.set_next_order_id(next);
    return page;
  }

  Arguments arguments_;
};

TEST_F(OrdersTest, ACompleteListIsProven) {
  bus_.pages = {{0, page({1, 2}, true, 3)}, {3, page({7}, true)}};
  EXPECT_EQ(run_with(arguments_), ExitProven);
  EXPECT_THAT(out_.str(), AllOf(ContainsRegex("\n +1 .*\n +2 .*\n +7 .*\n"),
                                HasSubstr("\n3 open orders, complete as of 2023-11-14T22:13:20Z\n")));
}

TEST_F(OrdersTest, AListThatMayLackOrdersIsNotKnown) {
  bus_.pages = {{0, page({1}, false)}};
  EXPECT_EQ(run_with(arguments_), ExitUnknown);
  EXPECT_THAT(out_.str(), HasSubstr("1 open orders known; others may be missing"));
}

TEST_F(OrdersTest, JsonIsALineForEachOrderAndOneAtTheEnd) {
  bus_.pages = {{0, page({1, 2}, true)}};
  arguments_.json = true;
  EXPECT_EQ(run_with(arguments_), ExitProven);
  const auto lines = json_lines();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].fields().at("type").string_value(), "open_order");
  EXPECT_EQ(lines[1].fields().at("open_order").struct_value().fields().at("order_id").string_value(), "2");
  EXPECT_EQ(lines[2].fields().at("type").string_value(), "open_orders");
  EXPECT_EQ(lines[2].fields().at("count").string_value(), "2");
  EXPECT_EQ(lines[2].fields().at("complete_as_of").string_value(), "2023-11-14T22:13:20Z");
}

TEST_F(OrdersTest, WithoutAnAnswerNothingIsListed) {
  arguments_.timeout = milliseconds(1500);
  EXPECT_EQ(run_with(arguments_), ExitUnknown);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("no answer from " + bus_.session_endpoint() + " within 1.5 s"));
}

class ListTest : public CommandsTest {
 protected:
  ListTest() {
    arguments_.command = Command::List;
    arguments_.insecure_loopback = true;
    arguments_.timeout = seconds(20);
    bus_.on_request = [this](const v1::SessionRequest& request, v1::SessionReply& answer) {
      if (!request.has_commands_request() || pages_.empty()) return false;
      asked_.push_back(request.commands_request());
      *answer.mutable_commands() = pages_.front();
      answer.mutable_commands()->set_request_id(request.commands_request().request_id());
      if (pages_.size() > 1) pages_.erase(pages_.begin());
      return true;
    };
  }

  static v1::UndecidedCommand command(int64_t order_id, int age, v1::CancelStage stage) {
    v1::UndecidedCommand command;
    command.set_sender_comp_id("desk-a");
    command.set_cl_ord_id("c-" + std::to_string(order_id));
    command.set_order_id(order_id);
    command.mutable_age()->set_seconds(age);
    command.set_stage(stage);
    command.mutable_since()->set_seconds(1'700'000'000 - 42);
    command.set_text("HTTP 503: Service Unavailable");
    command.set_attempts(3);
    command.set_acked(true);
    command.set_next_step("queries the order");
    command.mutable_next_in()->set_seconds(3);
    command.set_operator_step("look at it");
    return command;
  }

  static v1::Commands page(const std::vector<v1::UndecidedCommand>& commands, bool last = true) {
    v1::Commands page;
    page.mutable_as_of()->set_seconds(1'700'000'000);
    for (const auto& command : commands) *page.add_command() = command;
    if (!last) page.mutable_next()->set_order_id(commands.back().order_id());
    return page;
  }

  Arguments arguments_;
  std::vector<v1::Commands> pages_;
  std::vector<v1::CommandsRequest> asked_;
};

TEST_F(ListTest, ListsAllPagesTheOldestFirst) {
  pages_ = {page({command(1, 5, v1::CANCEL_STAGE_QUEUED)}, false), page({command(2, 350, v1::CANCEL_STAGE_STUCK)})};
  arguments_.state = v1::COMMAND_STATE_STUCK;
  arguments_.owner = "desk-a";
  arguments_.symbol = "BTCTRY";
  arguments_.older_than = seconds(2);
  EXPECT_EQ(run_with(arguments_), ExitProven);
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_[0].state(), v1::COMMAND_STATE_STUCK);
  EXPECT_EQ(asked_[0].sender_comp_id(), "desk-a");
  EXPECT_EQ(asked_[0].symbol(), "BTCTRY");
  EXPECT_EQ(asked_[0].older_than().seconds(), 2);
  EXPECT_FALSE(asked_[0].has_after());
  EXPECT_EQ(asked_[1].after().order_id(), 1);
  EXPECT_EQ(out_.str(),
            "desk-a/c-2 order 2\n"
            "    STUCK for 42 s: HTTP 503: Service Unavailable\n"
            "    received 5 min ago, 3 attempts, acked\n"
            "    next: queries the order, in 3.0 s\n"
            "    you can: look at it\n"
            "desk-a/c-1 order 1\n"
            "    QUEUED for 42 s: HTTP 503: Service Unavailable\n"
            "    received 5.0 s ago, 3 attempts, acked\n"
            "    next: queries the order, in 3.0 s\n"
            "    you can: look at it\n"
            "2 commands\n");
}

TEST_F(ListTest, JsonIsALineForEachCommandAndOneAtTheEnd) {
  pages_ = {page({command(1, 5, v1::CANCEL_STAGE_IN_DOUBT)})};
  arguments_.json = true;
  EXPECT_EQ(run_with(arguments_), ExitProven);
  const auto lines = json_lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].fields().at("type").string_value(), "command");
  const auto& fields = lines[0].fields().at("command").struct_value().fields();
  EXPECT_EQ(fields.at("stage").string_value(), "CANCEL_STAGE_IN_DOUBT");
  EXPECT_EQ(fields.at("next_in").string_value(), "3s");
  EXPECT_EQ(lines[1].fields().at("type").string_value(), "commands");
  EXPECT_EQ(lines[1].fields().at("count").string_value(), "1");
  EXPECT_EQ(lines[1].fields().at("as_of").string_value(), "2023-11-14T22:13:20Z");
}

TEST_F(ListTest, WithoutAnAnswerNothingIsListed) {
  bus_.on_request = [](const v1::SessionRequest& request, v1::SessionReply&) { return request.has_commands_request(); };
  arguments_.timeout = milliseconds(1500);
  EXPECT_EQ(run_with(arguments_), ExitUnknown);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("no answer from " + bus_.session_endpoint() + " within 1.5 s"));
}

TEST_F(ListTest, ARejectIsAFailure) {
  bus_.on_request = [](const v1::SessionRequest& request, v1::SessionReply& answer) {
    if (request.has_commands_request()) answer.mutable_reject()->set_field("commands_request.sender_comp_id");
    return request.has_commands_request();
  };
  EXPECT_EQ(run_with(arguments_), ExitFailed);
  EXPECT_THAT(err_.str(), HasSubstr("the bus rejected field commands_request.sender_comp_id"));
}

}  // namespace
}  // namespace cancelbus::ctl
