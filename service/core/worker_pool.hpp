// Which workers there are, how much each may hold, and why one gets no work.
//
// A worker gets no work while it is silent, while its reading of the exchange's clock does not count, and after a 401
// or 403 until a signed probe succeeds. 50 unauthorized requests in a row would block the address, and which workers
// share an address is not known here: so all are added up, and before it comes to that, probes end until an operator
// acts.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/core/causes.hpp"
#include "service/core/events.hpp"
#include "service/core/records.hpp"
#include "service/core/stamp_clock.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

struct Worker {
  WorkerId id = 0;
  PeerId peer;
  std::string name;
  uint32_t credit = 0;
  absl::flat_hash_set<TaskId> tasks;  ///< given out, outcome not yet known; at most 64
  std::vector<TaskId> unlisted;       ///< of these, what its latest word does not list, until deadlines are judged
  Tick last_heard;
  bool ending = false;  ///< silent from now on, it has ended in order
  bool sweeps = false;  ///< knows the task that lists open orders
  Duration request_timeout{};
  std::optional<ClockSample> clock;
  /// Clock series up to this one are not believed: they were contradicted. Work comes again with a later one.
  uint64_t disbelieved_series = 0;
  uint64_t key_series = 0;
  bool key_refused = false;            ///< by the exchange's latest word on the key of that series
  uint32_t unauthorized_in_a_row = 0;  ///< requests since one was let in
  bool unauthorized = false;
  OrderId probe_order = 0;  ///< what the signed probe queries: the order that met the 401
  Tick probe_at = Never;    ///< Never, while unauthorized: the probe is under way
  Duration probe_interval{};
};

class WorkerPool {
 public:
  static constexpr size_t MaxWorkers = 256;
  /// Stands for the worker that held a task when the bus went down. Real ids are not 0.
  static constexpr WorkerId BeforeRestart = 0;
  static constexpr Duration FirstProbe = std::chrono::seconds(1);
  static constexpr Duration LongestProbe = std::chrono::seconds(60);
  /// So many unauthorized requests in a row, and a key that was refused is not tried again.
  static constexpr uint32_t MostUnauthorized = 40;
  /// So many block the address.
  static constexpr uint32_t Blocks = 50;
  /// What is left above that is for keys that were not tried yet: one request each, and none beyond this.
  static constexpr uint32_t MostWithOtherKeys = 48;
  /// Silent for so long and holding nothing, a worker is forgotten, but for its name if it has died.
  static constexpr Duration Forget = std::chrono::seconds(60);
  /// Names of dead workers are shown for so long, the latest of them, unless a worker of the name is heard again.
  static constexpr Duration ShowDead = std::chrono::hours(1);
  static constexpr size_t MaxDead = 32;

  /// `lost_after`: a worker whose request timeout comes near it would break the rate limiter's proof, and is
  /// unavailable.
  WorkerPool(Duration lease, Duration lost_after) : lease_(lease), lost_after_(lost_after) {}

  /// Registers or refreshes. Absent when there are too many.
  Worker* heard(const WorkerReady& ready, Tick now);
  Worker* find(WorkerId id);
  const Worker* find(WorkerId id) const;

  /// The worker with the most free credit among those that may work; null if none, or if so much is under way that the
  /// exchange might block the address if it refused all of it.
  Worker* choose(Tick now);
  /// The same for a request for open orders, among those that know it. It never takes the last place of several.
  Worker* choose_for_sweep(Tick now);
  /// One that is heard knows that request.
  bool any_sweeps(Tick now) const;

  /// `order`: that the request was about; 0: about none.
  void met_unauthorized(Worker& worker, OrderId order, Tick now);
  void met_authorized(Worker& worker);
  /// A request was answered as one that may ask: it breaks the row, also if it was sent before others were refused.
  void was_let_in(Worker& worker);
  /// The probe ended without saying whether it is authorized.
  void met_nothing(Worker& worker, Tick now);
  /// The worker has found a stamp too far from its reading of the exchange's clock, and not sent it. Of worker and
  /// estimate one is wrong: the worker, if the exchange has just let such stamps in, else the estimate, and with it
  /// the worker that it came from. That one gets no work until it has read the clock again.
  void met_void_stamp(Worker& worker, const StampClock::Estimate& estimate, Tick now);

  /// An unauthorized worker whose probe is due, with a free place; null if none.
  Worker* probe_due(Tick now);

  /// Tasks that no worker holds any more: those of workers silent for the lease, and those that the others do not list.
  std::vector<TaskId> take_abandoned(Tick now);
  bool is_silent(const Worker& worker, Tick now) const { return now - worker.last_heard > lease_; }

  /// Drops workers that are long gone, and the dead whose hour is over.
  void forget_gone(Tick now);

  /// Requests refused as unauthorized, of all workers, each since it was last let in: no address has met more.
  uint32_t unauthorized_in_a_row() const;
  UnauthorizedCount unauthorized() const { return {unauthorized_in_a_row(), refused_order_}; }
  void restore(const UnauthorizedCount& before);
  /// By whom, is not known any more.
  void met_unauthorized_unseen() { ++unauthorized_of_the_gone_; }

  const absl::btree_map<WorkerId, Worker>& workers() const { return workers_; }

  Tick next_deadline(Tick now) const;
  std::vector<WorkerStatus> status(Tick now) const;
  /// Whether requests can be given out, and why not.
  Availability availability(Tick now) const;
  StampClock& stamps() { return stamps_; }
  const StampClock& stamps() const { return stamps_; }
  Duration lease() const { return lease_; }

 private:
  /// Why a worker gets no work.
  enum class Hindrance : uint8_t { None, Silent, Unauthorized, Clock, Timeout };
  Hindrance hindrance(const Worker& worker, Tick now) const;
  bool has_ended(const Worker& worker, Tick now) const { return worker.ending && is_silent(worker, now); }
  void bury(const Worker& worker);
  template <typename May>
  Worker* choose_among(Tick now, May may);
  std::string why_unavailable(const Worker& worker, Tick now) const;
  std::string why_unauthorized(const Worker& worker) const;
  /// Why no stamp is to be given to it; empty if one may.
  std::string_view why_not_by_clock(const Worker& worker) const;
  void disbelieve(Worker& worker, uint64_t series);
  void take_key(Worker& worker, uint64_t series, Tick now);
  uint32_t in_flight() const;
  uint32_t probes_under_way() const;

  Duration lease_;
  Duration lost_after_;
  StampClock stamps_;
  absl::btree_map<WorkerId, Worker> workers_;
  struct Dead {
    std::string name;
    Tick last_heard;
  };
  std::vector<Dead> dead_;  ///< as they were forgotten
  uint32_t unauthorized_of_the_gone_ = 0;
  OrderId refused_order_ = 0;  ///< the latest that met a 401 or 403
};

}  // namespace cancelbus::core
