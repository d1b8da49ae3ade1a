// When the exchange is asked for everything that is open, and how far that has come.
//
// A sweep is a request for each pair, one after the other, or a single one for all pairs if none are given. Guarantees:
//
// - one request at most is under way, so a sweep takes one place with one worker;
// - a sweep begins Apart or longer after the last one ended, and so does a request for a pair after the last one for
// it;
// - a sweep is complete only if every request was answered in full, also for pairs that were first seen during it;
// - what is wished for is done: a sweep that began before the wish, or was not complete, does not count.
//
// A sweep that fails is tried again after Apart, then after twice that each time, up to LongestRetry.
//
// What a request lists goes to open_orders.hpp; the gateway passes it on. Not thread-safe.
#pragma once

#include <absl/container/btree_set.h>

#include <optional>
#include <string>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// How a sweep ended: for the log.
struct SweepEnd {
  bool complete = false;
  Instant oldest;  ///< when its first request was sent
  size_t requests = 0;
  size_t orders = 0;  ///< listed
  Duration took{};
  std::string why;  ///< it is not complete
};

class Sweeps {
 public:
  using Pairs = absl::btree_set<std::string>;

  static constexpr Duration Apart = std::chrono::seconds(2);
  static constexpr Duration LongestRetry = std::chrono::seconds(60);
  /// Sweeps that only confirm fills begin at most so often.
  static constexpr Duration FillsApart = std::chrono::seconds(10);

  /// `pairs`: of each request; empty: one request for all. `interval`: from one beginning to the next, if nothing is
  /// wished for. `patience`: a request is given up after so long without news.
  Sweeps(std::vector<std::string> pairs, Duration interval, Duration patience, Tick started);

  // Wishes.
  /// A sweep that begins at `now` or later is wanted at once. It has ended once OpenOrders::complete_as_of() is `now`
  /// or later. Wishes that come together are met together.
  void ask(Tick now) { asked_.add(now); }
  /// The stream may have missed something. The sweep waits until it can override what the stream said before.
  void gap(Tick now) { asked_.add(now + Apart); }
  /// An order seems to be filled.
  void filled(Tick now) { filled_.add(std::max(now + Apart, began_ + FillsApart)); }

  // Requests.
  /// The pair to ask for now, empty for all; absent: nothing is to be asked. `seen`: pairs that are known to be traded.
  std::optional<std::string> next(Tick now, const Pairs& seen) const;
  void sent(TaskId task, std::string pair, Instant now);

  struct Request {
    TaskId task = 0;
    std::string pair;
    Instant sent;
    std::vector<bool> parts = {};  ///< those that have come; empty: none has
    size_t missing = 1;            ///< parts
    Tick last_news = {};
    bool all_taken = true;
  };
  /// The one under way.
  const std::optional<Request>& request() const { return request_; }
  bool awaits(TaskId task) const { return request_ && request_->task == task; }
  /// Its sending.
  std::optional<Tick> oldest_request() const { return request_ ? std::optional(request_->sent.tick) : std::nullopt; }

  /// A part of the answer. False if it is known already, or none of this answer.
  bool take(const Listing& part, Tick now);
  /// An order of it could not be taken.
  void not_taken() { request_->all_taken = false; }
  bool all_parts() const { return request_->missing == 0; }

  /// The request was answered in full.
  void answered();
  /// It ended in another way. `of_this_pair`: the others may be asked for all the same.
  void failed(const std::string& why, bool of_this_pair);
  /// It is given up: nothing was heard for `patience`.
  bool overdue(Tick now) const { return request_ && now - request_->last_news > patience_; }

  /// The sweep has ended, if it has: once after each answered() or failed().
  std::optional<SweepEnd> finish(Tick now, const Pairs& seen);

  // Status.
  /// Why the last sweep was not complete; empty if it was.
  const std::string& trouble() const { return trouble_; }
  /// Since when one is due, or a request of one, and none is under way.
  std::optional<Tick> due_since(Tick now) const;
  /// When the next is due, or the one under way is given up; Never: it waits for budget or a worker.
  Tick next_deadline(Tick now) const;
  /// Broken invariant.
  void check() const;

 private:
  /// Sweeps that are wanted, by the earliest moment at which each may begin. Of several only the first and the last are
  /// kept: what lies between is met by the last.
  struct Wish {
    Tick first = Never;
    Tick last = Tick::min();

    void add(Tick from);
    void met(Tick began);
  };
  struct Run {
    Instant oldest;
    Pairs done;
    size_t requests = 0;
    size_t orders = 0;
    bool pair_required = false;  ///< the exchange has refused the request without a pair
    bool given_up = false;
    std::string why;
  };

  Tick begins_at() const;
  std::optional<std::string> wanted(const Pairs& seen) const;

  const std::vector<std::string> pairs_;
  const Duration interval_;
  const Duration patience_;
  Wish asked_;
  Wish filled_;
  Tick due_;                               ///< by the interval
  Tick not_before_ = Tick::min();          ///< whatever is wished for
  Tick began_ = Tick::min() + FillsApart;  ///< the last one
  Duration retry_ = Apart;
  std::optional<Run> run_;
  std::optional<Request> request_;
  Tick idle_since_ = Tick::min();  ///< since when the run waits for its next request
  std::string trouble_;
};

}  // namespace cancelbus::core
