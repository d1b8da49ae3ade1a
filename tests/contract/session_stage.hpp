// The bus, the user and the clock around one Session of the C++ client, spoken to in the lines of session/*.txt.
//
// Used by session_test.cpp. The grammar stands in session/README.md.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cancelbus/session.hpp"

namespace cancelbus::client {

class SessionStage {
 public:
  /// `newer_bus`: its frames hold fields that this contract does not know, in all their parts.
  explicit SessionStage(bool newer_bus = false);

  /// Plays one line. Returns what is wrong, empty if nothing is.
  std::string play(const std::string& line);
  /// What was sent or told and no line has named; empty if nothing was.
  std::string left() const;

 private:
  /// A notice, as a `sees` line would name it.
  struct Shown {
    std::string what;
    std::string fields;
  };

  std::string happens(std::string_view word, const std::string& rest);
  std::string option(const std::string& rest);
  std::string user(const std::string& rest);
  std::string hears(const std::string& rest);
  std::string reads(const std::string& rest);
  /// As the bus says it.
  template <typename Message>
  std::string said(std::string frame) const;
  void pass(const std::string& rest);
  void answer_heartbeats();
  std::string sends(const std::string& json);
  std::string sees(const std::string& rest);
  void collect();

  bool newer_bus_;
  SessionOptions options_{.sender_comp_id = "desk-a", .topics = {"venue."}};
  Session session_{options_};
  Time now_ = Time() + std::chrono::hours(1);
  std::deque<v1::SessionRequest> frames_;
  std::deque<Shown> shown_;
  uint64_t epoch_ = 0;
  std::map<std::string, uint64_t> positions_;
};

}  // namespace cancelbus::client
