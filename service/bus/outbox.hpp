// Between the gateway's decisions and the world: commits each turn's records and lets its sends leave afterwards.
//
// While the store refuses, what was decided waits here in order and is tried again; of the sends, only what promises
// nothing leaves, and the rest is dropped: peers repeat until they are answered, so nothing piles up here for them.
// A task that had to wait is not sent any more: the gateway may hold it for lost by now, and gives out another.
// The batch keeps the bytes that will go out, so that what is stored, sent and sent again is the same. What a turn
// writes twice, as a command that is received and given to a worker at once, is committed once, as it stood last.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/io/store.hpp"

namespace cancelbus::bus {

class Outbox {
 public:
  struct Edge {
    std::function<void(const core::Send&)> send;
    std::function<void(const io::EventRow&)> publish;
    /// A commit that take() or retry() did not wait for has been answered, and was taken.
    std::function<void()> resumed = [] {};
  };

  /// `epoch`, `term`: of the events that it encodes.
  Outbox(io::Store& store, uint64_t epoch, uint64_t term, Edge edge)
      : store_(store), epoch_(epoch), term_(term), edge_(std::move(edge)) {}

  /// Takes a turn's actions, and does at once what can be done.
  void take(core::Actions actions);

  /// Every turn, before take(): asks the store whether it can be relied on, and tries again what it refused.
  void retry();

  bool empty() const { return waiting_.empty(); }
  /// The store has not yet answered the latest commit.
  bool committing() const { return committing_; }
  /// A commit is under way, and its answer is due any moment: what comes meanwhile is better decided after it.
  bool awaits_commit() const { return committing_ && store_.check().ok(); }
  /// Why the store refused last, or cannot be relied on; empty if it takes writes.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Turn {
    io::Batch batch;
    std::vector<core::Send> sends;
  };

  io::Batch batch_of(std::vector<core::Record> records) const;
  io::Row row_of(core::Record record) const;
  void pump();
  void committed(const absl::Status& status);
  void refused(const absl::Status& status);
  void perform(const Turn& turn);

  io::Store& store_;
  const uint64_t epoch_;
  const uint64_t term_;
  Edge edge_;
  std::deque<Turn> waiting_;
  bool committing_ = false;
  bool pumping_ = false;
  std::string trouble_;
};

}  // namespace cancelbus::bus
