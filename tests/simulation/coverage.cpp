#include "tests/simulation/coverage.hpp"

#include <algorithm>
#include <iomanip>
#include <numeric>
#include <optional>
#include <sstream>

#include "service/core/order.hpp"

namespace cancelbus::simulation {

namespace {

using core::Verdict;

const char* fault_name(Fault fault) {
  static constexpr const char* Names[] = {"DELETE: could not",
                                          "DELETE: blocked",
                                          "DELETE: 401",
                                          "DELETE: 403",
                                          "DELETE: 404",
                                          "DELETE: 405",
                                          "DELETE: 408",
                                          "DELETE: 418",
                                          "DELETE: 422",
                                          "DELETE: 429",
                                          "DELETE: 500",
                                          "DELETE: 502",
                                          "DELETE: 503",
                                          "DELETE: 503 with Retry-After",
                                          "DELETE: an unreadable 200",
                                          "query: 401",
                                          "query: 404",
                                          "query: 405",
                                          "query: 429",
                                          "query: 5xx",
                                          "query: an unreadable 200",
                                          "query: status contradicts quantities",
                                          "wall clocks differ",
                                          "clocks drift",
                                          "fill",
                                          "partial fill",
                                          "edit",
                                          "edit across a gap of the stream",
                                          "cancel by hand",
                                          "another program's DELETE",
                                          "override",
                                          "mistaken override",
                                          "retry",
                                          "guess: edit_keeps_id=no",
                                          "guess: web_cancel_sends_452=no",
                                          "guess: fill_sends_452=yes",
                                          "guess: second_cancel_sends_452=yes",
                                          "guess: blocked_prolongs=yes",
                                          "guess: stale_stamp_counts=yes",
                                          "guess: partial_cancel_reads=Closed",
                                          "guess: not_found_status=404",
                                          "guess: not_found_status=200",
                                          "guess: early_452=yes",
                                          "guess: filled_reads=Canceled",
                                          "never written",
                                          "commits lost",
                                          "an older store",
                                          "sweep: not complete",
                                          "sweep: in parts",
                                          "mass cancel",
                                          "mass cancel of nothing",
                                          "mass cancel until empty",
                                          "mass cancel across a restart",
                                          "kill switch",
                                          "kill switch released, proven empty",
                                          "dead man's switch",
                                          "takeover by the other bus",
                                          "takeover while the former leader is alive",
                                          "sent after another bus has taken over",
                                          "a worker is given a task of an older term",
                                          "a commit is fenced",
                                          "outcome of a commit unknown, and it was stored",
                                          "a wait for the standby is canceled",
                                          "a wait for the standby ends without an answer",
                                          "a standby is promoted that is behind"};
  static_assert(std::size(Names) == Faults);
  return Names[static_cast<size_t>(fault)];
}

std::optional<Fault> fault_of_delete(const exchange_sim::HttpAnswer& response, const core::Answer& answer) {
  switch (response.status) {
    case 200:
      return answer.verdict == Verdict::Doubtful ? std::optional(Fault::AnswerUnreadable) : std::nullopt;
    case 400:
      if (answer.verdict == Verdict::Blocked) return Fault::AnswerBlocked;
      return answer.verdict == Verdict::Refused ? std::optional(Fault::Answer400CouldNot) : std::nullopt;
    case 401:
      return Fault::Answer401;
    case 403:
      return Fault::Answer403;
    case 404:
      return Fault::Answer404;
    case 405:
      return Fault::Answer405;
    case 408:
      return Fault::Answer408;
    case 418:
      return Fault::Answer418;
    case 422:
      return Fault::Answer422;
    case 429:
      return Fault::Answer429;
    case 500:
      return Fault::Answer500;
    case 502:
      return Fault::Answer502;
    case 503:
      return response.retry_after_s ? Fault::Answer503RetryAfter : Fault::Answer503;
    default:
      return std::nullopt;
  }
}

std::optional<Fault> fault_of_query(const exchange_sim::HttpAnswer& response, const core::Answer& answer) {
  if (answer.verdict == Verdict::Read && core::contradicts_itself(answer.reading)) return Fault::QueryContradicts;
  if (answer.verdict == Verdict::Read) return std::nullopt;
  switch (response.status) {
    case 200:
      return Fault::QueryUnreadable;
    case 401:
      return Fault::Query401;
    case 404:
      return Fault::Query404;
    case 405:
      return Fault::Query405;
    case 429:
      return Fault::Query429;
    default:
      return response.status >= 500 ? std::optional(Fault::Query5xx) : std::nullopt;
  }
}

}  // namespace

void Coverage::add(bool to_delete, const exchange_sim::HttpAnswer& response, const core::Answer& answer) {
  const auto fault = to_delete ? fault_of_delete(response, answer) : fault_of_query(response, answer);
  if (fault) add(*fault);
}

std::string Coverage::name(size_t kind) {
  if (kind < Faults) return fault_name(static_cast<Fault>(kind));
  if (kind < Faults + Blows) return blow_name(static_cast<Blow>(kind - Faults));
  return "exchange: " + std::string(exchange_sim::fault_infos()[kind - Faults - Blows].name);
}

void CoverageTally::add(const Coverage& world) {
  ++worlds_;
  for (size_t kind = 0; kind < Coverage::Kinds; ++kind) counts_[kind] += world.has(kind) ? 1 : 0;
}

std::string CoverageTally::describe() const {
  std::array<size_t, Coverage::Kinds> kinds{};
  std::iota(kinds.begin(), kinds.end(), 0);
  std::ranges::stable_sort(kinds, std::greater<>(), [this](size_t kind) { return counts_[kind]; });
  std::ostringstream out;
  out << "happened in so many of " << worlds_ << " seeds:\n";
  for (const size_t kind : kinds) out << std::setw(8) << counts_[kind] << "  " << Coverage::name(kind) << '\n';
  return out.str();
}

std::string CoverageTally::too_rare() const {
  std::string text;
  for (size_t kind = 0; kind < Coverage::Kinds; ++kind) {
    if (static_cast<double>(counts_[kind]) >= LeastShare * static_cast<double>(worlds_)) continue;
    text += Coverage::name(kind) + ": " + std::to_string(counts_[kind]) + " of " + std::to_string(worlds_) + " seeds\n";
  }
  return text;
}

}  // namespace cancelbus::simulation
