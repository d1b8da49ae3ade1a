// The store, with a watch on how long its commits take. Used by the shell around the real one.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <vector>

#include "service/io/store.hpp"

namespace cancelbus::bus {

class MeasuredStore final : public io::Store {
 public:
  MeasuredStore(std::unique_ptr<io::Store> store, prometheus::Registry& registry);

  absl::StatusOr<core::Snapshot> load() override { return store_->load(); }
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override;
  absl::StatusOr<std::vector<std::string>> read_events(const std::string& topic, uint64_t from_seq,
                                                       uint32_t count) override {
    return store_->read_events(topic, from_seq, count);
  }
  absl::StatusOr<uint64_t> first_kept(const std::string& topic) override { return store_->first_kept(topic); }
  uint64_t size() override { return store_->size(); }

 private:
  std::unique_ptr<io::Store> store_;
  prometheus::Histogram& seconds_;
  prometheus::Counter& rows_;
  prometheus::Counter& failures_;
};

}  // namespace cancelbus::bus
