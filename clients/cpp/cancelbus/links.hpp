// What is wrong with the two connections of one client, in words.
//
// Used by Client.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cancelbus/client.hpp"
#include "cancelbus/connection_watch.hpp"
#include "cancelbus/options.hpp"

namespace cancelbus::client {

class Links {
 public:
  /// Both outlive it.
  Links(const ConnectionWatch& session, const ConnectionWatch& events, const ClientOptions& options)
      : session_(session),
        events_(events),
        session_endpoints_(endpoints_in(options.session_endpoint)),
        event_endpoints_(endpoints_in(options.event_endpoint)) {}

  void encrypt(const std::string& public_key) { public_key_ = public_key; }
  /// Of the bus that is tried, or talked to.
  const std::string& session_endpoint() const { return session_endpoints_[bus_]; }
  const std::string& event_endpoint() const { return event_endpoints_[bus_]; }
  /// The next of several buses; false: there is only one.
  bool next_bus();

  std::string why_not(NotReachedReason reason) const;
  /// A refusal by the event endpoint alone says nothing against the key: the session's connection tells whether it is
  /// known.
  bool is_barred() const { return !events_.up() && events_.reason() == NotReachedReason::KeyRefused; }
  /// `bar`: as the bus said last.
  static std::string barred_text(const std::optional<v1::EventBar>& bar);
  /// None if both are up, or only events are barred.
  std::optional<Problem> problem() const;

 private:
  const ConnectionWatch& session_;
  const ConnectionWatch& events_;
  std::vector<std::string> session_endpoints_;  ///< one for each bus that may lead
  std::vector<std::string> event_endpoints_;    ///< likewise, in the same order
  size_t bus_ = 0;
  std::string public_key_;  ///< empty without encryption
};

}  // namespace cancelbus::client
