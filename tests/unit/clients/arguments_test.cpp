#include "clients/cancelctl/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <sstream>

namespace cancelbus::ctl {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::MatchesRegex;

class ArgumentsTest : public testing::Test {
 protected:
  Parsed parse_line(const std::string& line) {
    std::istringstream words(line);
    std::vector<std::string> args;
    for (std::string word; words >> word;) args.push_back(word);
    std::istringstream in(stdin_);
    const auto env = [this](const char* name) {
      const auto it = env_.find(name);
      return it == env_.end() ? nullptr : it->second.c_str();
    };
    return parse(args, env, in);
  }

  Arguments good(const std::string& line) {
    auto parsed = parse_line(line);
    if (const auto* error = std::get_if<UsageError>(&parsed)) ADD_FAILURE() << line << ": " << error->sentence;
    const auto* arguments = std::get_if<Arguments>(&parsed);
    return arguments ? *arguments : Arguments{};
  }

  std::string bad(const std::string& line) {
    const auto parsed = parse_line(line);
    const auto* error = std::get_if<UsageError>(&parsed);
    return error ? error->sentence : "accepted";
  }

  std::map<std::string, std::string> env_;
  std::string stdin_;
};

TEST_F(ArgumentsTest, Defaults) {
  const Arguments a = good("cancel 5");
  EXPECT_EQ(a.command, Command::Cancel);
  EXPECT_THAT(a.order_ids, ElementsAre(5));
  EXPECT_EQ(a.session_endpoint, "tcp://127.0.0.1:5550");
  EXPECT_EQ(a.event_endpoint, "tcp://127.0.0.1:5551");
  EXPECT_THAT(a.sender, MatchesRegex("ctl-[a-z0-9]{8}"));
  EXPECT_NE(a.sender, good("cancel 5").sender);
  EXPECT_EQ(a.timeout, seconds(30));
  EXPECT_EQ(a.wait, Wait::Final);
  EXPECT_FALSE(a.ttl || a.urgent || a.exact || a.json);
  EXPECT_EQ(good("status").timeout, seconds(5));
  EXPECT_THAT(good("watch").topics, ElementsAre("client.", "venue."));
}

TEST_F(ArgumentsTest, FlagsStandAnywhereAndTakeTheirValueEitherWay) {
  const Arguments a = good("--sender desk-a cancel --ttl=2s 7 --urgent --exact --wait ack 8 --timeout 500ms --json");
  EXPECT_EQ(a.sender, "desk-a");
  EXPECT_EQ(a.ttl, seconds(2));
  EXPECT_EQ(a.timeout, milliseconds(500));
  EXPECT_EQ(a.wait, Wait::Ack);
  EXPECT_TRUE(a.urgent && a.exact && a.json);
  EXPECT_THAT(a.order_ids, ElementsAre(7, 8));
}

TEST_F(ArgumentsTest, Durations) {
  EXPECT_EQ(good("cancel 1 --ttl 1ms").ttl, milliseconds(1));
  EXPECT_EQ(good("cancel 1 --ttl 5m").ttl, minutes(5));
  EXPECT_EQ(good("cancel 1 --ttl 24h").ttl, hours(24));
  for (const std::string value :
       {"0s", "-1s", "5", "s", "1.5s", "1d", "25h", "86400001ms", "99999999999999999999s", "1s1s"}) {
    EXPECT_EQ(bad("cancel 1 --ttl " + value),
              "--ttl \"" + value + "\" is not a duration from 1ms to 24h, such as 500ms, 2s, 5m or 1h");
  }
}

TEST_F(ArgumentsTest, OrderIds) {
  EXPECT_THAT(good("cancel 9223372036854775807 3 3 1 3").order_ids, ElementsAre(9223372036854775807, 3, 1));
  for (const std::string id : {"0", "-5", "12x", "x", "9223372036854775808", "1.0", "0x10"}) {
    EXPECT_EQ(bad("cancel " + id), "order id \"" + id + "\" is not a number from 1 to 9223372036854775807");
  }
  stdin_ = "11\n";
  EXPECT_EQ(bad("cancel"), "cancel needs an order id, or - to read them from standard input");
}

TEST_F(ArgumentsTest, OrderIdsFromStandardInput) {
  stdin_ = "11 12\n13\n\n";
  EXPECT_THAT(good("cancel - 14").order_ids, ElementsAre(11, 12, 13, 14));
  stdin_ = "11\n\n12 twelve\n13\n";
  EXPECT_EQ(bad("cancel -"),
            "line 3 of standard input: order id \"twelve\" is not a number from 1 to 9223372036854775807");
  stdin_ = "";
  EXPECT_EQ(bad("cancel -"), "standard input holds no further order ids");
}

TEST_F(ArgumentsTest, TheArgumentAtFaultIsNamed) {
  EXPECT_EQ(
      bad(""),
      "a command is missing: cancel, cancel-all, kill, release, watch, status, top, orders, list, keygen, resolve, "
      "retry, explain, find, backup, record or completion");
  EXPECT_EQ(bad("cancle 5"),
            "unknown command \"cancle\": cancel, cancel-all, kill, release, watch, status, top, orders, list, keygen, "
            "resolve, "
            "retry, explain, find, backup, record or completion");
  EXPECT_EQ(bad("cancel 5 --tll 2s"), "unknown flag --tll");
  EXPECT_EQ(bad("cancel 5 -u"), "unknown flag -u");
  EXPECT_EQ(bad("cancel 5 --ttl"), "--ttl needs a value");
  EXPECT_EQ(bad("cancel 5 --ttl 1s --ttl 2s"), "--ttl is given twice");
  EXPECT_EQ(bad("cancel 5 --wait fill"), "--wait \"fill\" is neither ack nor final");
  EXPECT_EQ(bad("cancel 5 --urgent=yes"), "--urgent \"yes\" is neither true nor false");
  EXPECT_EQ(bad("status --ttl 2s"), "--ttl is of no use to \"status\"");
  EXPECT_EQ(bad("status now"), "\"status\" takes no argument \"now\"");
  EXPECT_EQ(bad("watch 5"), "\"watch\" takes no argument \"5\"");
  for (const std::string topic : {"orders.", "client", "client..", "client.a.b.", "venue.x", "bus"}) {
    EXPECT_EQ(bad("watch --topic " + topic),
              "--topic \"" + topic + "\" is none of client., client.SENDER., venue. and bus.");
  }
  EXPECT_EQ(bad("status --sender a.b"), "--sender \"a.b\" is not 1 to 32 letters, digits, _ and -");
  EXPECT_EQ(bad("status --sender " + std::string(33, 'a')).substr(0, 10), "--sender \"");
  EXPECT_EQ(bad("status --session_endpoint localhost:5550"),
            "--session_endpoint \"localhost:5550\" is not an endpoint such as tcp://127.0.0.1:5550 or "
            "ipc:///run/cancelbus");
}

TEST_F(ArgumentsTest, TopicsMayBeRepeated) {
  EXPECT_THAT(good("watch --topic bus. --topic=client.desk-a. --topic client.").topics,
              ElementsAre("bus.", "client.desk-a.", "client."));
}

TEST_F(ArgumentsTest, EveryFlagCanComeFromTheEnvironment) {
  env_ = {{"CANCELBUS_SESSION_ENDPOINT", "tcp://bus:1"},
          {"CANCELBUS_SENDER", "desk-b"},
          {"CANCELBUS_TTL", "3s"},
          {"CANCELBUS_URGENT", "true"}};
  const Arguments a = good("cancel 5 --sender desk-c");
  EXPECT_EQ(a.session_endpoint, "tcp://bus:1");
  EXPECT_EQ(a.sender, "desk-c") << "the command line wins";
  EXPECT_EQ(a.ttl, seconds(3));
  EXPECT_TRUE(a.urgent);
  good("status");  // what is of no use to a command is no error in the environment
  env_["CANCELBUS_TTL"] = "soon";
  EXPECT_EQ(bad("cancel 5"), "CANCELBUS_TTL \"soon\" is not a duration from 1ms to 24h, such as 500ms, 2s, 5m or 1h");
}

TEST_F(ArgumentsTest, HelpWinsOverErrors) {
  EXPECT_FALSE(std::get<HelpWanted>(parse_line("--help")).command);
  EXPECT_EQ(std::get<HelpWanted>(parse_line("cancel -h")).command, Command::Cancel);
  EXPECT_EQ(std::get<HelpWanted>(parse_line("watch --help --what")).command, Command::Watch);
  EXPECT_TRUE(std::holds_alternative<HelpWanted>(parse_line("--colour=red -h")));
  EXPECT_TRUE(std::holds_alternative<VersionWanted>(parse_line("--version")));
  EXPECT_TRUE(std::holds_alternative<VersionWanted>(parse_line("status --version")));
}

TEST_F(ArgumentsTest, ResolveNamesACommandAndAWord) {
  const Arguments a = good("resolve desk-a/c/1 --as unknown_order --reason seen");
  EXPECT_EQ(a.command, Command::Resolve);
  EXPECT_EQ(a.sender_comp_id, "desk-a");
  EXPECT_EQ(a.cl_ord_id, "c/1");
  EXPECT_EQ(a.as, v1::ORD_STATUS_REJECTED);
  EXPECT_EQ(good("resolve desk-a/c --as=canceled --reason seen").as, v1::ORD_STATUS_CANCELED);
  EXPECT_EQ(good("resolve desk-a/c --as=filled --reason seen").as, v1::ORD_STATUS_FILLED);
  EXPECT_EQ(good("resolve desk-a/c --as=open --reason seen").as, v1::ORD_STATUS_NEW);
  EXPECT_EQ(bad("resolve desk-a/c --as open"), "resolve needs --reason: why, for those who ask later");
  EXPECT_EQ(bad("resolve desk-a/c"), "resolve needs --as: canceled, filled, open or unknown_order");
  EXPECT_EQ(bad("resolve desk-a/c --as gone"), "--as \"gone\" is none of canceled, filled, open and unknown_order");
  EXPECT_EQ(bad("resolve --as open --reason seen"), "resolve needs one command, as SENDER/CL_ORD_ID");
  EXPECT_EQ(bad("resolve a/b c/d --as open --reason seen"), "resolve needs one command, as SENDER/CL_ORD_ID");
  EXPECT_EQ(bad("resolve c1 --as open --reason seen"),
            "\"c1\" is not a command's name, as SENDER/CL_ORD_ID: there is no /");
  EXPECT_EQ(bad("resolve d.a/c1 --as open --reason seen"),
            "\"d.a/c1\" is not a command's name, as SENDER/CL_ORD_ID: the sender is not 1 to 32 letters, digits, _ "
            "and -");
  EXPECT_EQ(bad("resolve desk-a/ --as open --reason seen"),
            "\"desk-a/\" is not a command's name, as SENDER/CL_ORD_ID: the cl_ord_id is not 1 to 64 printable ASCII "
            "characters");
  EXPECT_EQ(bad("cancel 5 --as open"), "--as is of no use to \"cancel\"");
}

TEST_F(ArgumentsTest, BackupNamesTheFileThatItMakes) {
  const Arguments a = good("backup --store=sqlite:/var/lib/bus.db --json copy.db");
  EXPECT_EQ(a.command, Command::Backup);
  EXPECT_EQ(a.store, "/var/lib/bus.db");
  EXPECT_EQ(a.backup_file, "copy.db");
  EXPECT_TRUE(a.json);
  EXPECT_EQ(good("backup copy.db").store, "cancelbus.db");
  env_["CANCELBUS_STORE"] = "/srv/bus.db";
  EXPECT_EQ(good("backup copy.db").store, "/srv/bus.db");
  EXPECT_EQ(bad("backup"), "backup needs one FILE, which it makes");
  EXPECT_EQ(bad("backup a.db b.db"), "backup needs one FILE, which it makes");
  EXPECT_EQ(bad("backup -"), "FILE \"-\" is standard output, which cannot take a backup; give the path of a new file");
  EXPECT_EQ(std::get<UsageError>(parse(
                                     {"backup", ""}, [](const char*) { return nullptr; }, std::cin))
                .sentence,
            "FILE \"\" is not the path of a new file");
  EXPECT_EQ(bad("backup copy.db --store=memory:"), "--store \"memory:\" is not the path of a store, nor sqlite:PATH");
  EXPECT_EQ(bad("backup copy.db --sender desk-a"), "--sender is of no use to \"backup\"");
}

TEST_F(ArgumentsTest, RecordNamesAFile) {
  const Arguments a = good("record day-one.jsonl");
  EXPECT_EQ(a.command, Command::Record);
  EXPECT_EQ(a.record_file, "day-one.jsonl");
  EXPECT_THAT(a.topics, ElementsAre("record."));
  EXPECT_EQ(good("record -").record_file, "-");
  EXPECT_EQ(bad("record"), "record needs one FILE, or - for standard output");
  EXPECT_EQ(bad("record a b"), "record needs one FILE, or - for standard output");
  EXPECT_EQ(bad("record a --json"), "--json is of no use to \"record\"");
}

TEST_F(ArgumentsTest, ListNarrowsWhatItLists) {
  const Arguments all = good("list");
  EXPECT_EQ(all.command, Command::List);
  EXPECT_EQ(all.state, v1::COMMAND_STATE_UNSPECIFIED);
  EXPECT_EQ(all.older_than, milliseconds(0));
  EXPECT_EQ(all.timeout, seconds(5));
  const Arguments a = good("list --state in_doubt --owner desk-a --symbol BTCTRY --older_than 90s");
  EXPECT_EQ(a.state, v1::COMMAND_STATE_IN_DOUBT);
  EXPECT_EQ(a.owner, "desk-a");
  EXPECT_EQ(a.symbol, "BTCTRY");
  EXPECT_EQ(a.older_than, seconds(90));
  EXPECT_EQ(good("list --state stuck").state, v1::COMMAND_STATE_STUCK);
  EXPECT_EQ(good("list --state undecided").state, v1::COMMAND_STATE_UNSPECIFIED);
  EXPECT_EQ(bad("list --state lost"), "--state \"lost\" is none of undecided, in_doubt and stuck");
  EXPECT_EQ(bad("list --side buy"), "--side is of no use to \"list\"");
}

TEST_F(ArgumentsTest, RetryNamesACommand) {
  const Arguments a = good("retry desk-a/c1");
  EXPECT_EQ(a.command, Command::Retry);
  EXPECT_EQ(a.sender_comp_id, "desk-a");
  EXPECT_EQ(a.cl_ord_id, "c1");
  EXPECT_EQ(bad("retry"), "retry needs one command, as SENDER/CL_ORD_ID");
  EXPECT_EQ(bad("retry desk-a/c1 --reason x"), "--reason is of no use to \"retry\"");
}

TEST_F(ArgumentsTest, FindNarrowsWhatItPrints) {
  const Arguments all = good("find");
  EXPECT_EQ(all.command, Command::Find);
  EXPECT_EQ(all.order_id, 0);
  EXPECT_FALSE(all.from.has_value());
  EXPECT_EQ(all.limit, 1'000);
  EXPECT_EQ(all.timeout, seconds(5));
  const Arguments a = good(
      "find --order_id 61508264 --cl_ord_id a/1 --owner desk-a --from 2026-03-02T09:30:00Z --to "
      "2026-03-02T09:30:00.5Z --limit 5");
  EXPECT_EQ(a.order_id, 61508264);
  EXPECT_EQ(a.cl_ord_id, "a/1");
  EXPECT_EQ(a.owner, "desk-a");
  EXPECT_EQ(a.from->time_since_epoch(), seconds(1'772'443'800));
  EXPECT_EQ(*a.to - *a.from, milliseconds(500));
  EXPECT_EQ(a.limit, 5);
  const auto ago = std::chrono::system_clock::now() - *good("find --from 10m").from;
  EXPECT_GE(ago, std::chrono::minutes(10));
  EXPECT_LT(ago, std::chrono::minutes(20));
  EXPECT_EQ(bad("find --from yesterday"),
            "--from \"yesterday\" is no time such as 2026-03-02T09:30:00Z, nor a duration such as 10m");
  EXPECT_EQ(bad("find --from 1m --to 2m"), "--to lies before --from");
  EXPECT_EQ(bad("find --order_id 0"), "--order_id \"0\" is not a number from 1 to 9223372036854775807");
}

TEST_F(ArgumentsTest, ExplainAsksTheBusUnlessItIsGivenAStore) {
  EXPECT_EQ(good("explain desk-a/1").store, "");
  EXPECT_EQ(good("explain desk-a/1 --timeout 2s").timeout, seconds(2));
  EXPECT_EQ(good("explain desk-a/1 --store bus.db").store, "bus.db");
}

TEST_F(ArgumentsTest, OrdersNarrowsWhatItLists) {
  const Arguments all = good("orders");
  EXPECT_EQ(all.command, Command::Orders);
  EXPECT_EQ(all.owner + all.symbol, "");
  EXPECT_EQ(all.side, v1::SIDE_UNSPECIFIED);
  EXPECT_EQ(all.timeout, seconds(5));
  const Arguments a = good("orders --owner desk-a --symbol BTCTRY --side sell --timeout 9s");
  EXPECT_EQ(a.owner, "desk-a");
  EXPECT_EQ(a.symbol, "BTCTRY");
  EXPECT_EQ(a.side, v1::SIDE_SELL);
  EXPECT_EQ(a.timeout, seconds(9));
  EXPECT_EQ(good("orders --side=buy").side, v1::SIDE_BUY);
  EXPECT_EQ(bad("orders --side bid"), "--side \"bid\" is neither buy nor sell");
  EXPECT_EQ(bad("orders --owner a.b"), "--owner \"a.b\" is not 1 to 32 letters, digits, _ and -");
  EXPECT_EQ(bad("orders --symbol BTC/TRY"), "--symbol \"BTC/TRY\" is not the name of a pair, such as BTCTRY");
  EXPECT_EQ(bad("orders --symbol="), "--symbol \"\" is not the name of a pair, such as BTCTRY");
  EXPECT_EQ(bad("orders 5"), "\"orders\" takes no argument \"5\"");
  EXPECT_EQ(bad("status --owner desk-a"), "--owner is of no use to \"status\"");
}

TEST_F(ArgumentsTest, KillAndReleaseNameAScopeAndAReason) {
  const Arguments kill = good("kill --owner desk-a --symbol BTCTRY --side sell --prefix dA- --reason quotes --yes");
  EXPECT_EQ(kill.command, Command::Kill);
  EXPECT_EQ(kill.owner + kill.symbol + kill.prefix + kill.reason, "desk-aBTCTRYdA-quotes");
  EXPECT_EQ(kill.side, v1::SIDE_SELL);
  EXPECT_TRUE(kill.yes);
  EXPECT_EQ(kill.timeout, hours(24));
  const Arguments release = good("release --unowned --reason done --force --json");
  EXPECT_EQ(release.command, Command::Release);
  EXPECT_TRUE(release.unowned && release.force && release.json);
  EXPECT_EQ(release.timeout, seconds(30));
  EXPECT_FALSE(good("release --reason done").force);
  EXPECT_EQ(bad("kill"), "kill needs --reason: why, for those who ask later");
  EXPECT_EQ(bad("release --force"), "release needs --reason: why, for those who ask later");
  EXPECT_EQ(bad("kill --reason="), "--reason \"\" is not 1 to 128 printable ASCII characters");
  const std::string long_reason(129, 'r');
  EXPECT_EQ(bad("kill --reason " + long_reason),
            "--reason \"" + long_reason + "\" is not 1 to 128 printable ASCII characters");
  EXPECT_EQ(bad("kill --reason r --owner desk-a --unowned"), "--owner and --unowned exclude each other");
  EXPECT_EQ(bad("kill --reason r --force"), "--force is of no use to \"kill\"");
  EXPECT_EQ(bad("kill --reason r --until-empty"), "--until-empty is of no use to \"kill\"");
  EXPECT_EQ(bad("release --reason r --yes"), "--yes is of no use to \"release\"");
  EXPECT_EQ(bad("cancel-all --reason r"), "--reason is of no use to \"cancel-all\"");
  EXPECT_EQ(bad("kill --reason r BTCTRY"), "\"kill\" takes no argument \"BTCTRY\"");
}

TEST_F(ArgumentsTest, TopCountsItsRefreshes) {
  const Arguments a = good("top --interval 5s --count 12");
  EXPECT_EQ(a.interval, seconds(5));
  EXPECT_EQ(a.count, 12);
  EXPECT_EQ(a.timeout, seconds(5));
  EXPECT_THAT(a.topics, ElementsAre("client.", "venue."));
  EXPECT_FALSE(good("top").count);
  for (const std::string value : {"0", "-1", "100001", "many", "1s"}) {
    EXPECT_EQ(bad("top --count " + value), "--count \"" + value + "\" is not a number from 1 to 100000");
  }
}

TEST_F(ArgumentsTest, CompletionNamesAShell) {
  EXPECT_EQ(good("completion zsh").shell, "zsh");
  EXPECT_EQ(bad("completion"), "completion needs a shell: bash or zsh");
  EXPECT_EQ(bad("completion fish"), "shell \"fish\" is not known: bash or zsh");
  EXPECT_EQ(bad("completion bash --json"), "--json is of no use to \"completion\"");
}

}  // namespace
}  // namespace cancelbus::ctl
