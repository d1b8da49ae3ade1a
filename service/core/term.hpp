// Which bus leads, how far its store has come, and who may believe whom.
//
// Each start of a bus on a store is a new term, and so is each takeover. Of two terms the higher one leads. Terms that
// are equal with different leaders come from two stores that have parted, as a copy does from its original: neither is
// older, so a worker stays with the one that it has seen first, and a bus that learns of it goes above both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cancelbus::core {

struct Term {
  uint64_t term = 0;      ///< from 1; 0: none is known
  std::string leader_id;  ///< of the bus that leads it, new with each of its terms; at most 64 characters
  uint64_t batch = 0;     ///< number of the last batch that is committed in its store, counted over all terms
  bool operator==(const Term&) const = default;
};

/// "7 of bus-a-3f9c21", for texts.
std::string to_text(const Term& term);

/// The highest term that a worker or a subscriber has seen since it started.
class HighestTerm {
 public:
  /// False: it is of a bus that leads no more, or of one that never led.
  bool take(const Term& term);
  const std::optional<Term>& seen() const { return seen_; }

 private:
  std::optional<Term> seen_;
};

/// What workers report, against what the bus's store held when it was opened.
class TermCheck {
 public:
  /// A higher number is made up: no bus starts so often, and above it there must be room for the terms to come.
  static constexpr uint64_t HighestCredible = uint64_t{1} << 62;

  /// `own`: what this bus leads; its batch does not matter. `stored`: what the store held. `above_all`: this start
  /// counts all earlier terms as unknown already, since commits may be lost.
  TermCheck(Term own, Term stored, bool above_all)
      : own_(std::move(own)), stored_(std::move(stored)), above_all_(above_all) {}

  /// The store is older than what a worker has seen, or another one: what the other let out is not known here.
  bool is_behind(const Term& seen) const;

 private:
  Term own_;
  Term stored_;
  bool above_all_;
};

}  // namespace cancelbus::core
