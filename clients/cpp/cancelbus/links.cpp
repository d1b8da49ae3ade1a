#include "cancelbus/links.hpp"

#include <cctype>
#include <tuple>

#include "cancelbus/describe.hpp"

namespace cancelbus::client {
namespace {

std::string explanation(NotReachedReason reason, const std::string& public_key) {
  switch (reason) {
    case NotReachedReason::KeyRefused:
      return "the bus refused our key: it is not in its policy file, or not in a role for this endpoint; the bus's log "
             "says which; our public key is " +
             public_key;
    case NotReachedReason::NotEncrypted:
      return public_key.empty()
                 ? "the bus speaks only with those who have keys: curve_key_file and curve_server_key_file"
                 : "the other side does not speak CURVE: it runs with --insecure_loopback, or is no cancel-bus";
    case NotReachedReason::HungUp:
      return public_key.empty() ? "the other side hung up in the middle of the handshake: the bus may want keys"
                                : "the other side hung up in the middle of the handshake: most likely "
                                  "curve_server_key_file is not the public key of this bus";
  }
  return "";
}

std::string no_listener_at(const std::string& endpoint, std::string option) {
  std::string text = "nothing answers at " + endpoint + ": is the bus running there? Check " + option;
  for (char& c : option) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text + " (or CANCELBUS_" + option + ")";
}

}  // namespace

// Sockets of kinds that do not fit hang up.
std::string Links::why_not(NotReachedReason reason) const {
  const std::string text = explanation(reason, public_key_);
  if (reason != NotReachedReason::HungUp || !session_.hangs_up() || !events_.hangs_up()) return text;
  return "both endpoints hang up on our handshake: perhaps session_endpoint (" + session_endpoint() +
         ") and event_endpoint (" + event_endpoint() + ") are swapped. Or " + text;
}

bool Links::next_bus() {
  bus_ = (bus_ + 1) % session_endpoints_.size();
  return session_endpoints_.size() > 1;
}

std::string Links::barred_text(const std::optional<v1::EventBar>& bar) {
  return (bar ? describe(*bar) : "this key is barred from events") +
         ". The key is known, and commands go on. Correct the program that did it; the bar ends by itself, or when the "
         "bus's operator has the policy read again";
}

std::optional<Problem> Links::problem() const {
  std::optional<Problem> worst;
  for (const auto& [watch, option, endpoint] : {std::tuple{&session_, "session_endpoint", &session_endpoints_[bus_]},
                                                {&events_, "event_endpoint", &event_endpoints_[bus_]}}) {
    if (watch->up() || (watch == &events_ && is_barred())) continue;
    if (const auto reason = watch->reason()) {
      const bool of_keys = reason != NotReachedReason::HungUp || !public_key_.empty();
      return Problem{of_keys ? Problem::Kind::KeyRefused : Problem::Kind::BusUnreachable,
                     *endpoint + ": " + why_not(*reason)};
    }
    if (!worst) worst = {Problem::Kind::BusUnreachable, no_listener_at(*endpoint, option)};
  }
  return worst;
}

}  // namespace cancelbus::client
