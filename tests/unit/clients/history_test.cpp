// cancelctl explain on a store that service/io wrote: breaks when the two no longer agree on the schema.
#include "clients/cancelctl/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "service/io/store.hpp"
#include "service/wire/event_codec.hpp"

namespace cancelbus::ctl {
namespace {

using core::HistoryLine;
using What = core::HistoryLine::What;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class HistoryTest : public testing::Test {
 protected:
  static constexpr WallTime Start{std::chrono::sys_days(std::chrono::year(2026) / 3 / 2)};

  HistoryTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "cancelbus-history-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    path_ = folder_ / "bus.db";
  }
  ~HistoryTest() override { std::filesystem::remove_all(folder_); }

  void start_bus() {
    store_.reset();  // lets go of the lock
    // What happens here happened long ago.
    io::StoreOptions options;
    options.path = path_;
    options.retention = std::chrono::hours(24 * 365 * 50);
    auto opened = io::open_store(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  void commit(const io::Batch& batch) {
    store_->commit(batch, [](const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; });
  }

  /// At so many milliseconds after the start.
  HistoryLine line(int at, HistoryLine what) {
    what.order_id = 100;
    what.at = Start + milliseconds(at);
    what.line = ++lines_;
    return what;
  }

  template <typename Body>
  static io::EventRow event(uint64_t seq, int at, const Body& body) {
    const core::Publication publication{"client.desk-a.", seq, Start + milliseconds(at), body};
    return {publication.topic, seq, publication.sending_time, wire::encode_event(publication, 7)};
  }

  static core::CommandRecord command(const std::string& sender, const std::string& id) {
    core::CommandRecord record;
    record.key = {sender, id};
    record.order.cl_ord_id = id;
    record.order.order_id = 100;
    record.order.symbol = "BTCTRY";
    record.timeline.received = Start;
    record.updated = Start;
    return record;
  }

  void write_a_whole_life() {
    start_bus();
    core::CommandRecord record = command("desk-a", "c1");
    record.expires = Start + seconds(60);
    record.ack_seq = 1;
    record.final_seq = 2;
    record.ended = true;
    core::CancelAck ack;
    ack.cl_ord_id = "c1";
    ack.status = core::AckStatus::Accepted;
    ack.final_follows = true;
    core::CancelFinal final;
    final.cl_ord_id = "c1";
    final.evidence = core::Evidence::OrderQuery;
    commit({command("desk-b", "other"),
            line(1, {.what = What::Delete, .task = 5, .attempt = 1, .stamp_ms = 1'772'409'600'001, .worker = "w1"}),
            line(2, {.what = What::WorkerSilent, .task = 5, .worker = "w1"}),
            line(3, {.what = What::WorkerBack, .task = 5}),
            line(4, {.what = What::Answer,
                     .status = core::Verdict::Accepted,
                     .text = "SUCCESS",
                     .task = 5,
                     .worker = "w1",
                     .http_status = 200}),
            line(5, {.what = What::Fact, .status = core::FactType::Deleted452, .amount = "2", .left_amount = "1"}),
            line(6, {.what = What::Query, .status = core::Verdict::Throttled, .task = 6, .http_status = 429}),
            line(7, {.what = What::Status, .status = core::Stage::Stuck, .text = "still open"})});
    start_bus();
    lines_ = 0;
    commit({line(8, {.what = What::Resolve, .status = core::OrdStatus::Filled, .text = "of desk-a/c1 by ctl-x"}),
            line(9, {.what = What::Contradiction, .status = core::OrdStatus::Filled}),
            line(10, {.what = What::Read,
                      .status = core::ReadStatus::NotFound,
                      .task = 7,
                      .http_status = 200,
                      .amount = "2",
                      .left_amount = "0.5"}),
            event(1, 4, ack), event(2, 11, final), record});
  }

  std::optional<CommandHistory> read(const std::string& id = "c1") { return read_history(path_, "desk-a", id, error_); }

  std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string one; std::getline(in, one);) lines.push_back(one);
    return lines;
  }

  std::filesystem::path folder_;
  std::string path_;
  std::unique_ptr<io::Store> store_;
  uint32_t lines_ = 0;
  HistoryError error_;
};

TEST_F(HistoryTest, TellsEverythingInOrderWhileTheBusRuns) {
  write_a_whole_life();
  const auto history = read();
  ASSERT_TRUE(history) << error_.sentence;
  EXPECT_THAT(
      lines_of(history_text(*history)),
      ElementsAre("desk-a/c1: cancel of order 100 (BTCTRY), ended", "the same order: desk-b/other",
                  "2026-03-02T00:00:00Z received, on disk before its receipt, wanted until 2026-03-02T00:01:00Z",
                  "2026-03-02T00:00:00.001Z DELETE given to w1: attempt 1, task 5, stamp 2026-03-02T00:00:00.001Z",
                  "2026-03-02T00:00:00.002Z the worker is silent, or has lost it (task 5, w1)",
                  "2026-03-02T00:00:00.003Z the worker is heard again, and holds it (task 5)",
                  "2026-03-02T00:00:00.004Z DELETE answered ACCEPTED, HTTP 200, \"SUCCESS\" (task 5, w1)",
                  "2026-03-02T00:00:00.004Z ack ACCEPTED; final follows",
                  "2026-03-02T00:00:00.005Z stream: 452, 1 left of 2",
                  "2026-03-02T00:00:00.006Z query came to nothing: THROTTLED, HTTP 429 (task 6)",
                  "2026-03-02T00:00:00.007Z status STUCK: still open", "---- the bus was started again",
                  "2026-03-02T00:00:00.008Z operator's word FILLED, of desk-a/c1 by ctl-x",
                  "2026-03-02T00:00:00.009Z the operator's word FILLED was wrong",
                  "2026-03-02T00:00:00.010Z query read NOT_FOUND, 0.5 left of 2 (task 7)",
                  "2026-03-02T00:00:00.011Z final CANCELED (ORDER_QUERY)"));
}

TEST_F(HistoryTest, TellsTheSameWhenTheBusIsDown) {
  write_a_whole_life();
  const std::string running = history_text(*read());
  store_.reset();
  const auto history = read();
  ASSERT_TRUE(history) << error_.sentence;
  EXPECT_EQ(history_text(*history), running);
}

TEST_F(HistoryTest, JsonHoldsOneObjectPerMoment) {
  write_a_whole_life();
  const auto lines = lines_of(history_json(*read()));
  ASSERT_EQ(lines.size(), 14U);
  EXPECT_THAT(lines[0], HasSubstr("\"name\":\"desk-b/other\""));
  EXPECT_THAT(lines[1], HasSubstr("\"type\":\"received\""));
  EXPECT_THAT(lines[2], HasSubstr("\"what\":\"DELETE\",\"bus_start\":\"1\""));
  EXPECT_THAT(lines[6], HasSubstr("\"type\":\"cancel_ack\""));
  EXPECT_THAT(lines[13], HasSubstr("\"type\":\"cancel_final\""));
}

TEST_F(HistoryTest, AnUnknownCommandIsNamed) {
  write_a_whole_life();
  EXPECT_FALSE(read("c2"));
  EXPECT_TRUE(error_.unknown_command);
  EXPECT_THAT(error_.sentence, HasSubstr("no command desk-a/c2"));
}

TEST_F(HistoryTest, AFileThatIsNoStoreIsNamed) {
  EXPECT_FALSE(read());
  EXPECT_EQ(error_.sentence, path_ + ": unable to open database file");
  std::ofstream(path_) << "this is no database, however long the text may be that stands in it";
  EXPECT_FALSE(read());
  EXPECT_EQ(error_.sentence, path_ + ": file is not a database");
  std::filesystem::remove(path_);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  sqlite3_exec(other, "CREATE TABLE t(x)", nullptr, nullptr, nullptr);
  EXPECT_FALSE(read());
  EXPECT_EQ(error_.sentence, path_ + ": this is a database, but not a store of cancel-bus");
  sqlite3_exec(other, "PRAGMA application_id=1128418387; PRAGMA user_version=9", nullptr, nullptr, nullptr);
  EXPECT_FALSE(read());
  EXPECT_EQ(error_.sentence, path_ + ": schema version 9, this cancelctl reads versions 1 to 6: use that of the bus");
  // As a cancel-bus without a history left it.
  sqlite3_exec(other, "PRAGMA user_version=1", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_FALSE(read());
  EXPECT_THAT(error_.sentence, HasSubstr("it has no history"));
  EXPECT_FALSE(error_.unknown_command);
}

}  // namespace
}  // namespace cancelbus::ctl
