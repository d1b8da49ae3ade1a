// clang-format off
// Plays every *.txt of this folder: what the gateway must do, as an operator would read it.
//
// A file holds scenarios. Each begins with `scenario: TITLE` and is a test of its own, named FILE.title. A line at the
// left margin is something that happens; indented below it stands everything that the gateway does in answer. `//`
// begins a comment. With CANCELBUS_REWRITE=1 in the environment the indented lines are written anew instead of being
// compared: read the diff before you commit it.
//
// Unless `given` says otherwise there are one worker w1 with 4 places, a live stream, and the sessions alice and bob.
//
//   given KEY=VALUE...          first line only: any option of the bus by its flag's name, workers=, credit=, timeout=,
//                               stream=live|mute|off, statuses= (CancelStatus a second), and the words confirms, to see
//                               confirmations, causes, to see them begin and end, and sweeps: workers know that task
//   alice cancel a 100          CancelOrder a of order 100; ttl=2s, urgent, exact, account=
//   alice hello                 as=SENDER, topics=venue.,client. and the word open for open_commands
//   alice cancel a 100 own      of a key that may cancel its own orders alone
//   owners alice:dA-,eA- bob:dB-    whose orders are whose, by prefixes of their client order ids
//   alice orders                owner=, pair=, side=buy|sell, from=
//   alice mass m                MassCancel m; scope=own|all|unowned|SENDER, symbol=, side=, prefix=, urgent, until_empty,
//                               dry_run
//   alice kill reason=WHY       engages a kill switch; scope= and the rest as mass. `alice release reason=WHY` releases it;
//                               force, operator (who may release everyone's)
//   alice goodbye [keep]        with `alice hello dead_man=5s` armed before; leaves: silent from now on
//   placed 100                  an order comes on the book, with its 451 unless unseen; client=, symbol=, side=
//   gone 100                    it leaves, with its 452 unless unseen; `deletes 200 gone` does that to what is deleted
//   alice garbles a             a command with an unreadable field
//   alice resolves bob/b open   an operator's word: canceled, filled, open, unknown_order
//   alice heartbeat | status | asks TOPIC FROM [count=] [epoch=] | leaves
//   #1 200                      the answer to request 1: 200, NO_ORDER, COULD_NOT, 400 (an unknown one), BLOCKED, 404,
//                               405, 401, 403, 429 [retry=], 503, timeout, stale, unwritten;
//                               of queries open|canceled|closed [qty= left=], notfound
//   queries open left=1         from now on every query is answered so, 10 ms after it was given out; also deletes;
//                               without an answer: no more
//   #1 lists 100 101/dA-1@ETHUSDT    of sweeps: orders with their client order ids and pairs; part=1 of=2
//   sweeps lists 100            from now on every sweep is answered so; sweeps book: with what is placed and not gone
//   452 100 left=1 of=2         a frame of the stream: 451, 452, 441, 423; seq= and subscriber= to repeat one,
//                               oldest= the subscriber's oldest that is not confirmed; pair=, client=, side=buy|sell
//   stream login | logout | silent | back | speaks
//   w2 joins [sweeps] | silent | back | forgets #1 | credit 0 | key (another one than before)
//   w2 clock                    it has read the exchange's clock again; off=1s ahead of the truth, uncertain=600ms, none
//                               (it knows no time), earlier (its version does not report exchange_time); joins (a new
//                               process) takes these too, and credit=, timeout=
//   wall 26h                    the wall clock of the bus's host is set so much ahead of the truth
//   +250ms   at 2s              time moves, by steps to every deadline and heartbeat; lines then begin with @TIME
//   stall 5s                    time moves, and the bus reads nothing until the next line
//   store full | writable | synced (what comes after is lost in a power cut)       drain
//   restart [down=5s] [lost_after=30s] [observe] [other_boot | power_cut]
//   show history                what is written down of each order, for cancelctl explain
//   show switches               kill switches that are engaged, and dead man's switches that are armed
//   show orders                 how many are known to be open, and how much of that is known
//   show workers | budget | causes | queue | stream | counters | drained
//
// In answer: `#1 DELETE 100 -> w1` and `#2 GET 100 -> w1` are requests given out; receipt, ack, final, status, venue.
// are what strategies are told.
// clang-format on
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "tests/scenario/stage.hpp"
#include "tests/scenario/transcript.hpp"

namespace cancelbus::scenario {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "    " + line + "\n";
  return text.empty() ? "    (nothing)\n" : text;
}

class Play : public ::testing::Test {
 public:
  Play(std::string path, std::string title) : path_(std::move(path)), title_(std::move(title)) {}

  void TestBody() override {
    Transcript transcript = read_transcript(path_);
    const auto scenario = std::find_if(transcript.scenarios.begin(), transcript.scenarios.end(),
                                       [&](const Scenario& s) { return s.title == title_; });
    ASSERT_NE(scenario, transcript.scenarios.end());
    const bool rewrite = std::getenv("CANCELBUS_REWRITE") != nullptr;
    Stage stage;
    for (Line& line : scenario->lines) {
      if (!line.command) continue;
      SCOPED_TRACE(path_ + ":" + std::to_string(line.number) + ": " + line.text);
      const std::vector<std::string> actual = play(stage, line.text);
      if (rewrite) {
        line.expected = actual;
        continue;
      }
      ASSERT_EQ(joined(line.expected), joined(actual));
    }
    if (!rewrite) return;
    write_transcript(path_, transcript);
    ADD_FAILURE() << path_ << " was written anew, and so proves nothing: look at what changed, and run without "
                  << "CANCELBUS_REWRITE";
  }

 private:
  static std::vector<std::string> play(Stage& stage, const std::string& line) {
    try {
      return stage.play(line);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
      return {};
    }
  }

  std::string path_;
  std::string title_;
};

/// Letters and digits, for the sake of --gtest_filter.
std::string test_name(const std::string& title) {
  std::string name;
  for (const char c : title) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain) name += c;
    if (!plain && !name.empty() && name.back() != '_') name += '_';
  }
  while (name.ends_with('_')) name.pop_back();
  return name;
}

void register_all() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SCENARIO_FOLDER)) {
    if (entry.path().extension() == ".txt" && entry.path().stem() != "CMakeLists") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const std::string file = std::filesystem::path(path).stem();
    for (const Scenario& scenario : read_transcript(path).scenarios) {
      ::testing::RegisterTest(file.c_str(), test_name(scenario.title).c_str(), nullptr, nullptr, path.c_str(),
                              static_cast<int>(scenario.number),
                              [path, title = scenario.title]() -> Play* { return new Play(path, title); });
    }
  }
}

}  // namespace
}  // namespace cancelbus::scenario

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  cancelbus::scenario::register_all();
  return RUN_ALL_TESTS();
}
