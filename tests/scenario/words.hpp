// How scenarios write things down: arguments of commands into values, actions into lines.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/status.hpp"

namespace cancelbus::scenario {

/// One command line: words, and words of the form key=value. Every one must be used: what is left is a mistake.
class Words {
 public:
  explicit Words(const std::string& line);
  bool empty() const { return words_.empty(); }
  /// The next word; throws if there is none.
  std::string next();
  /// True if the word stands anywhere; uses it up.
  bool flag(const std::string& word);
  /// The value of a key, or the other; uses it up.
  std::string value(const std::string& key, const std::string& otherwise);
  /// All words that are left, and all values that are, as KEY=VALUE; uses them up.
  std::vector<std::string> rest();
  bool has(const std::string& key) const { return values_.contains(key); }
  core::Duration duration(const std::string& key, core::Duration otherwise);
  uint64_t number(const std::string& key, uint64_t otherwise);
  /// Throws if a word is left unread, and names the first one.
  void expect_end() const;

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::string> values_;
};

/// "250ms", "2s", "1.5s", "1m", "24h".
core::Duration parse_duration(const std::string& text);
std::string to_text(core::Duration duration);
/// `now`: when it was so.
std::vector<std::string> to_lines(const core::UndecidedCommand& command, core::WallTime now);
std::vector<core::RateRule> parse_rules(const std::string& text);
std::vector<std::string> split(const std::string& text, char separator);

/// What the exchange, or the way to it, made of a request: "200", "NO_ORDER", "429 retry=5s", "open qty=2 left=1".
core::Answer parse_answer(Words& words);
/// "100", "101/dA-1", "102/dA-2@ETHUSDT": an order that the exchange lists, with its client order id and pair.
core::OpenOrder parse_listed(const std::string& text);
/// "buy", "sell"; absent: anything else.
std::optional<core::Side> parse_side(const std::string& text);
/// "canceled", "filled", "open", "unknown_order".
core::OrdStatus parse_ord_status(const std::string& text);
core::FactType parse_fact_type(const std::string& text);

std::string to_text(const core::CancelAck& ack);
std::string to_text(const core::CancelFinal& final);
std::string to_text(const core::CancelStatus& status);
/// `BACKOFF cancel`
std::string kind_of(const core::Cause& cause);
/// `BACKOFF cancel stops cancels for 6s 429 "TOO_MANY_REQUESTS"`
std::string to_text(const core::Cause& cause);
std::string to_text(const core::SendReceipt& receipt);
std::string to_text(const core::SendResolved& resolved);
/// `start`: from when times are shown.
std::string to_text(const core::SendMassCancelPreview& preview, core::WallTime start);
std::string to_text(const core::MassCancelReport& report, core::WallTime start);
std::string to_text(const core::OpenOrder& order);
std::string to_text(const core::SweepEnd& end);
std::string to_text(const core::SwitchChange& change);
std::string to_text(const core::HistoryLine& line);
std::string to_text(const std::vector<core::TopicPosition>& positions);
/// `ack alice/a ...`, `venue ...`
std::string to_text(const core::Publication& publication, core::WallTime start);

}  // namespace cancelbus::scenario
