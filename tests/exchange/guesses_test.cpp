// Each guess changes what a raw request gets or what the stream says; without it, the default does.
#include "tests/exchange/guesses.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

Settings guessing(std::string_view text) {
  Settings settings;
  settings.guesses = parse_guesses(text).value();
  return settings;
}

// How often it did otherwise than by default, as its counters say.
std::int64_t otherwise(const Driver& sim, const std::string& guess) {
  const auto& counts = sim.exchange.seen().counters.guesses;
  const auto found = counts.find(guess);
  return found == counts.end() ? 0 : found->second;
}

std::string by_id(std::int64_t id, const std::string& more = "") {
  return "{\"id\":" + std::to_string(id) + more + "}";
}

TEST(Guesses, NamesThatAreUnknownAndValuesThatAreNotTakenAreRefusedByName) {
  EXPECT_EQ(parse_guesses("edits=no").status().message(), "\"edits\" is no guess; --help lists them");
  EXPECT_EQ(parse_guesses("edit_keeps_id").status().message(), "edit_keeps_id expects yes|no, not \"\"");
  EXPECT_EQ(parse_guesses("edit_keeps_id=no,not_found_status=500").status().message(),
            "not_found_status expects 400|404|200, not \"500\"");
  EXPECT_TRUE(parse_guesses("").ok());
}

TEST(Guesses, EveryValueThatIsListedIsTaken) {
  for (const GuessInfo& info : guess_infos()) {
    std::string_view values = info.values;
    while (!values.empty()) {
      const std::string value(values.substr(0, values.find('|')));
      EXPECT_TRUE(parse_guesses(std::string(info.name) + "=" + value).ok()) << info.name << '=' << value;
      values.remove_prefix(std::min(values.size(), value.size() + 1));
    }
  }
}

TEST(Guesses, AnEditedOrderKeepsItsIdOrNot) {
  for (const bool keeps : {true, false}) {
    Driver sim(guessing(keeps ? "edit_keeps_id=yes" : "edit_keeps_id=no"));
    const auto id = sim.place();
    const StreamId stream = sim.log_in();
    sim.control("POST", "edit", by_id(id, R"(,"price":"9")"));
    sim.advance(milliseconds{100});
    EXPECT_THAT(sim.types(stream), ElementsAre(452, 451));
    EXPECT_EQ(sim.bodies(stream, 452)[0].at("id"), id);
    const std::int64_t next = sim.bodies(stream, 451)[0].at("id").as_int64();
    EXPECT_EQ(next == id, keeps);
    EXPECT_EQ(sim.status_of(next), "Untouched");
    EXPECT_EQ(sim.status_of(id), keeps ? "Untouched" : "Canceled");
    EXPECT_EQ(otherwise(sim, "edit_keeps_id"), !keeps ? 1 : 0);
  }
}

TEST(Guesses, ACancelByHandSendsA452OrNot) {
  for (const bool sends : {true, false}) {
    Driver sim(guessing(sends ? "web_cancel_sends_452=yes" : "web_cancel_sends_452=no"));
    const auto id = sim.place();
    const StreamId stream = sim.log_in();
    sim.control("POST", "cancel", by_id(id));
    sim.advance(milliseconds{100});
    EXPECT_EQ(sim.bodies(stream, 452).size(), sends ? 1u : 0u);
    EXPECT_EQ(otherwise(sim, "web_cancel_sends_452"), !sends ? 1 : 0);
    EXPECT_EQ(sim.status_of(id), "Canceled");
  }
}

TEST(Guesses, ACompleteFillSendsA452OrNot) {
  for (const bool sends : {false, true}) {
    Driver sim(guessing(sends ? "fill_sends_452=yes" : "fill_sends_452=no"));
    const auto id = sim.place();
    const StreamId stream = sim.log_in();
    sim.control("POST", "fill", by_id(id, R"(,"amount":"0.004")"));
    EXPECT_EQ(sim.bodies(stream, 452).size(), 0u);
    sim.control("POST", "fill", by_id(id));
    sim.advance(milliseconds{100});
    ASSERT_EQ(sim.bodies(stream, 452).size(), sends ? 1u : 0u);
    EXPECT_EQ(otherwise(sim, "fill_sends_452"), sends ? 1 : 0);
    if (!sends) continue;
    EXPECT_EQ(sim.bodies(stream, 452)[0].at("numLeft"), "0.0000000000000000");
  }
}

TEST(Guesses, ASecondCancelSendsA452OrNot) {
  for (const bool sends : {false, true}) {
    Driver sim(guessing(sends ? "second_cancel_sends_452=yes" : "second_cancel_sends_452=no"));
    const auto id = sim.place();
    const StreamId stream = sim.log_in();
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(sim.cancel(id).status, 200u);
      sim.advance(milliseconds{100});
    }
    EXPECT_EQ(sim.bodies(stream, 452).size(), sends ? 2u : 1u);
    EXPECT_EQ(otherwise(sim, "second_cancel_sends_452"), sends ? 1 : 0);
  }
}

TEST(Guesses, A452ComesBeforeTheAnswerOrAfterIt) {
  using Events = std::vector<std::string>;
  for (const bool early : {false, true}) {
    Settings settings = guessing(early ? "early_452=yes" : "early_452=no");
    settings.deleted_delay = milliseconds{20};
    Driver sim(settings);
    const auto id = sim.place();
    sim.log_in();
    sim.order_of_events.clear();
    const RequestId request = sim.send_cancel(id);
    sim.advance(milliseconds{19});
    EXPECT_EQ(sim.order_of_events, early ? Events({"452", "201"}) : Events({"200"}));
    sim.advance(milliseconds{1});
    EXPECT_EQ(sim.order_of_events, early ? Events({"452", "201", "200"}) : Events({"200", "452", "201"}));
    EXPECT_EQ(sim.answer(request).status, 200u);
    sim.advance(milliseconds{100});
    EXPECT_EQ(sim.status_of(id), "Canceled");
    EXPECT_EQ(otherwise(sim, "early_452"), early ? 1 : 0);
  }
}

TEST(Guesses, ARequestWhileBlockedProlongsTheBlockOrNot) {
  for (const bool prolongs : {false, true}) {
    Settings settings = guessing(prolongs ? "blocked_prolongs=yes" : "blocked_prolongs=no");
    settings.cancel_limits = {{1, std::chrono::seconds{1}}};
    Driver sim(settings);
    EXPECT_EQ(sim.cancel(1).status, 400u);
    EXPECT_EQ(sim.cancel(1).status, 429u);
    sim.advance(milliseconds{900});
    EXPECT_EQ(sim.cancel(1).status, 429u);
    sim.advance(milliseconds{200});
    EXPECT_EQ(otherwise(sim, "blocked_prolongs"), prolongs ? 1 : 0);
    EXPECT_EQ(sim.cancel(1).status, prolongs ? 429u : 400u);
  }
}

TEST(Guesses, AStaleStampCountsOrNot) {
  for (const bool counts : {false, true}) {
    Settings settings = guessing(counts ? "stale_stamp_counts=yes" : "stale_stamp_counts=no");
    settings.cancel_limits = {{1, std::chrono::seconds{1}}};
    Driver sim(settings);
    EXPECT_EQ(sim.answer(sim.send(Driver::signed_with("1", "DELETE", Driver::cancel_target(1)))).status, 401u);
    EXPECT_EQ(sim.cancel(1).status, counts ? 429u : 400u);
    EXPECT_EQ(otherwise(sim, "stale_stamp_counts"), counts ? 1 : 0);
  }
}

TEST(Guesses, AStampMayBeUsedTwiceOrNot) {
  for (const bool refused : {true, false}) {
    Driver sim(guessing(refused ? "repeated_stamp_refused=yes" : "repeated_stamp_refused=no"));
    const HttpRequest request = sim.signed_request("DELETE", Driver::cancel_target(1));
    EXPECT_EQ(sim.answer(sim.send(request)).status, 400u);
    EXPECT_EQ(sim.answer(sim.send(request)).status, refused ? 401u : 400u);
  }
}

TEST(Guesses, OpenOrdersNeedAPairOrNot) {
  for (const bool required : {false, true}) {
    Driver sim(guessing(required ? "pair_required=yes" : "pair_required=no"));
    const auto status = [&](const char* target) {
      return sim.answer(sim.send(sim.signed_request("GET", target))).status;
    };
    EXPECT_EQ(status("/api/v1/openOrders"), required ? 400u : 200u);
    EXPECT_EQ(otherwise(sim, "pair_required"), required ? 1 : 0);
    EXPECT_EQ(status("/api/v1/openOrders?pairSymbol=BTCTRY"), 200u);
  }
}

TEST(Guesses, APartlyFilledThenCanceledOrderReadsSoOrSo) {
  for (const std::string reads : {"Canceled", "Closed"}) {
    Driver sim(guessing("partial_cancel_reads=" + reads));
    const auto partly = sim.place(), untouched = sim.place();
    sim.control("POST", "fill", by_id(partly, R"(,"amount":"0.004")"));
    sim.cancel(partly);
    sim.cancel(untouched);
    sim.advance(milliseconds{100});
    EXPECT_EQ(sim.status_of(partly), reads);
    EXPECT_EQ(otherwise(sim, "partial_cancel_reads"), reads == "Closed" ? 1 : 0);
    EXPECT_EQ(sim.status_of(untouched), "Canceled");
  }
}

TEST(Guesses, ACompletelyFilledOrderReadsSoOrSo) {
  for (const std::string reads : {"Closed", "Canceled"}) {
    Driver sim(guessing("filled_reads=" + reads));
    const auto filled = sim.place(), partly = sim.place();
    sim.control("POST", "fill", by_id(filled));
    sim.control("POST", "fill", by_id(partly, R"(,"amount":"0.004")"));
    sim.advance(milliseconds{100});
    const HttpAnswer answer =
        sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/" + std::to_string(filled))));
    const auto order = boost::json::parse(answer.body).at("data");
    EXPECT_EQ(order.at("status"), boost::json::value(reads));
    EXPECT_EQ(otherwise(sim, "filled_reads"), reads == "Canceled" ? 1 : 0);
    EXPECT_EQ(sim.status_of(partly), "Partial");
  }
}

TEST(Guesses, AnUnknownOrderIsAnsweredWithThisStatus) {
  for (const std::string status : {"400", "404", "200"}) {
    Driver sim(guessing("not_found_status=" + status));
    const HttpAnswer answer = sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/5")));
    EXPECT_EQ(std::to_string(answer.status), status);
    EXPECT_EQ(otherwise(sim, "not_found_status"), status != "400" ? 1 : 0);
    EXPECT_NE(answer.body.find("Order not found"), std::string::npos);
  }
}

}  // namespace
}  // namespace exchange_sim
