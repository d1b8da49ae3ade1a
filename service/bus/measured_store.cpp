#include "service/bus/measured_store.hpp"

#include "service/io/clock.hpp"
#include "service/io/metrics.hpp"

namespace cancelbus::bus {

namespace {

const prometheus::Histogram::BucketBoundaries CommitSeconds{
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};

}  // namespace

MeasuredStore::MeasuredStore(std::unique_ptr<io::Store> store, prometheus::Registry& registry)
    : store_(std::move(store)),
      seconds_(prometheus::BuildHistogram()
                   .Name("cancelbus_store_commit_seconds")
                   .Help("One turn's rows, until they are on disk")
                   .Register(registry)
                   .Add({}, CommitSeconds)),
      rows_(io::counter(registry, "cancelbus_store_rows_total", "Rows committed")),
      failures_(io::counter(registry, "cancelbus_store_failures_total", "Commits that the store refused")),
      log_bytes_(
          io::gauge(registry, "cancelbus_store_log_bytes",
                    "Of cancelbus_store_bytes, the write-ahead log's; at most about 32 MB unless a reader holds it")) {
  if (!store_->replication()) return;
  shared_.emplace(Shared{
      io::gauge(registry, "cancelbus_store_synchronous_servers",
                "Servers of the database that each commit has reached, beside the one that it was sent to"),
      io::gauge(registry, "cancelbus_standby_buses", "Buses that follow the store and can take over"),
      io::gauge(registry, "cancelbus_lease_renewed_seconds", "Since the latest renewal that is known to have worked")});
}

std::optional<io::Replication> MeasuredStore::replication() const {
  auto replication = store_->replication();
  if (replication && shared_) {
    shared_->servers.Set(replication->servers);
    shared_->standbys.Set(static_cast<double>(replication->standbys.size()));
    shared_->renewed_ago.Set(io::seconds(replication->renewed_ago));
  }
  return replication;
}

io::StoreBytes MeasuredStore::bytes() {
  const io::StoreBytes bytes = store_->bytes();
  log_bytes_.Set(static_cast<double>(bytes.log));
  replication();
  return bytes;
}

void MeasuredStore::commit(const io::Batch& batch, std::function<void(absl::Status)> done) {
  if (batch.empty()) return store_->commit(batch, std::move(done));
  store_->commit(batch,
                 [this, rows = batch.size(), began = io::now().tick, done = std::move(done)](absl::Status status) {
                   if (status.ok()) {
                     seconds_.Observe(io::seconds(io::now().tick - began));
                     rows_.Increment(static_cast<double>(rows));
                   } else {
                     failures_.Increment();
                   }
                   done(std::move(status));
                 });
}

}  // namespace cancelbus::bus
