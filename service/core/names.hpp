// What the enumerators of the core are called in the store, in logs and in metrics, and that none is without a name.
//
// The store keeps these names: never change one. The tables stand in the enums' order, and their sizes are checked when
// they are compiled.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "service/core/actions.hpp"
#include "service/core/answer.hpp"
#include "service/core/records.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// g++ and clang write `Value = ns::Enum::Name` of an enumerator here, and `Value = (ns::Enum)7` of another value.
template <auto Value>
consteval bool is_enumerator() {
  const std::string_view text = __PRETTY_FUNCTION__;
  return text[text.rfind("Value = ") + 8] != '(';
}

/// How many enumerators an enum has; their values are 0, 1, 2 and so on.
template <typename Enum, size_t Count = 0>
consteval size_t enumerators() {
  if constexpr (is_enumerator<static_cast<Enum>(Count)>()) {
    return enumerators<Enum, Count + 1>();
  } else {
    return Count;
  }
}

template <typename... Texts>
constexpr std::array<std::string_view, sizeof...(Texts)> names(Texts... texts) {
  return {texts...};
}

template <typename Enum>
inline constexpr auto Names = names();
template <>
inline constexpr auto Names<Side> = names("BUY", "SELL");
template <>
inline constexpr auto Names<Priority> = names("NORMAL", "URGENT");
template <>
inline constexpr auto Names<AckStatus> = names("ACCEPTED", "REJECTED", "IN_DOUBT");
template <>
inline constexpr auto Names<Origin> = names("BUS", "WORKER", "EXCHANGE");
template <>
inline constexpr auto Names<RejectReason> = names("", "TOO_LATE", "UNKNOWN_ORDER", "ALREADY_PENDING",
                                                  "DUPLICATE_CL_ORD_ID", "OTHER", "EXPIRED", "NOT_AUTHORIZED",
                                                  "BLOCKED", "MALFORMED", "BUS_FULL", "TTL_TOO_SHORT", "WRONG_ACCOUNT",
                                                  "STORE_UNAVAILABLE", "NOT_OWNER", "OBSERVING");
template <>
inline constexpr auto Names<OrdStatus> = names("NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED");
template <>
inline constexpr auto Names<Evidence> = names("CHANNEL_452", "ORDER_QUERY", "OPERATOR");
template <>
inline constexpr auto Names<OpenOrder::Evidence> = names("STREAM", "SWEEP");
template <>
inline constexpr auto Names<Stage> = names("QUEUED", "SENT", "WAITING_FINAL", "IN_DOUBT", "RESENDING", "STUCK",
                                           "BACK_ON_BOOK");
template <>
inline constexpr auto Names<MassCancelStatus> = names("ACCEPTED", "PROGRESS", "COMPLETED", "REJECTED");
template <>
inline constexpr auto Names<MassCancelRequest::Whose> = names("OWN", "SENDER", "UNOWNED", "ALL");
template <>
inline constexpr auto Names<MassCancelRequest::Cause> = names("CLIENT", "KILL_SWITCH", "DEAD_MAN");
template <>
inline constexpr auto Names<MassCancelOrder::State> = names("PENDING", "CANCELING", "CANCELED", "FILLED", "OPEN",
                                                            "NOT_AFFECTED", "LEFT");
template <>
inline constexpr auto Names<Verdict> = names("ACCEPTED", "UNKNOWN_ORDER", "REFUSED", "BLOCKED", "WRONG_REQUEST",
                                             "UNAUTHORIZED", "THROTTLED", "READ", "DOUBTFUL", "STALE_STAMP",
                                             "NEVER_WRITTEN");
template <>
inline constexpr auto Names<LimiterKind> = names("CANCEL", "QUERY", "OPEN_ORDERS");
template <>
inline constexpr auto Names<CauseKind> = names("NO_WORKER", "BACKOFF", "KEYS_REFUSED", "CLOCK", "STORE", "NO_LEADER",
                                               "EXCHANGE_FAILING", "LIMIT_LOWERED", "DRAINING", "STREAM", "KEY_BARRED",
                                               "FEWER_WORKERS", "QUEUE");
template <>
inline constexpr auto Names<SwitchChange::What> = names("KILL_SWITCH_ENGAGED", "KILL_SWITCH_RELEASED",
                                                        "DEAD_MAN_SWITCH_ARMED", "DEAD_MAN_SWITCH_DISARMED",
                                                        "DEAD_MAN_SWITCH_FIRED");
template <>
inline constexpr auto Names<ReadStatus> = names("OPEN", "CANCELED", "CLOSED", "NOT_FOUND");
template <>
inline constexpr auto Names<FactType> = names("451", "452", "441", "423");
template <>
inline constexpr auto Names<HistoryLine::What> = names("DELETE", "ANSWER", "QUERY", "READ", "FACT", "WORKER_SILENT",
                                                       "WORKER_BACK", "STATUS", "RESOLVE", "CONTRADICTION", "RETRY");

template <typename Enum>
constexpr std::string_view name_of(Enum value) {
  static_assert(Names<Enum>.size() == enumerators<Enum>(), "each enumerator needs a name");
  return Names<Enum>[static_cast<size_t>(value)];
}

/// As logs and metrics write it: `never_written`.
template <typename Enum>
std::string lower_name_of(Enum value) {
  std::string name(name_of(value));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

/// As flags write a period: `1s`; `1500ms` if it is no whole number.
inline std::string period_text(Duration period) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(period).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

/// Absent if no enumerator is called so: a row of another version, or one written by hand.
template <typename Enum>
constexpr std::optional<Enum> enumerator_named(std::string_view name) {
  static_assert(Names<Enum>.size() == enumerators<Enum>(), "each enumerator needs a name");
  const auto found = std::find(Names<Enum>.begin(), Names<Enum>.end(), name);
  if (found == Names<Enum>.end()) return std::nullopt;
  return static_cast<Enum>(found - Names<Enum>.begin());
}

}  // namespace cancelbus::core
