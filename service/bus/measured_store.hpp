// The store, with a watch on how long its commits take and how long its log is. Used by the shell around the real one.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/io/store.hpp"

namespace cancelbus::bus {

class MeasuredStore final : public io::Store {
 public:
  MeasuredStore(std::unique_ptr<io::Store> store, prometheus::Registry& registry);

  void load(Done<core::Snapshot> done) override { store_->load(std::move(done)); }
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override;
  void read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                   Done<std::vector<std::string>> done) override {
    store_->read_events(topic, from_seq, count, std::move(done));
  }
  void first_kept(const std::string& topic, Done<uint64_t> done) override {
    store_->first_kept(topic, std::move(done));
  }
  void read_history(const core::HistoryQuery& query, Done<core::HistoryPage> done) override {
    store_->read_history(query, std::move(done));
  }
  absl::Status check() override { return store_->check(); }
  io::StoreBytes bytes() override;
  const core::Term& term() const override { return store_->term(); }
  void begin_again(const core::Term& seen, Done<core::Snapshot> done) override {
    store_->begin_again(seen, std::move(done));
  }
  std::optional<io::Replication> replication() const override;
  void close(std::function<void()> done) override { store_->close(std::move(done)); }

 private:
  std::unique_ptr<io::Store> store_;
  prometheus::Histogram& seconds_;
  prometheus::Counter& rows_;
  prometheus::Counter& failures_;
  prometheus::Gauge& log_bytes_;
  struct Shared {
    prometheus::Gauge& servers;
    prometheus::Gauge& standbys;
    prometheus::Gauge& renewed_ago;
  };
  std::optional<Shared> shared_;  ///< absent: the store is this bus's alone
};

}  // namespace cancelbus::bus
