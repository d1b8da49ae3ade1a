// The same client with a thread of its own, so that heartbeats go on while the program computes, and futures to wait
// for.
//
// Used by strategies without a loop. Everything here may be called from any thread, and nothing throws. Callbacks run
// in the client's thread, one at a time: they must be short, must not throw, and must not wait for the client's
// futures, which would never come.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cancelbus/client.hpp"

namespace cancelbus::blocking {

using client::Ack;
using client::Callbacks;
using client::CancelOptions;
using client::CancelSummary;
using client::ClientOptions;
using client::Final;
using client::GoodbyeAnswer;
using client::KillSwitchAnswer;
using client::KillSwitchOptions;
using client::MassCancelCallbacks;
using client::MassCancelEnd;
using client::MassCancelOptions;
using client::MassCancelPreview;
using client::Notice;
using client::OpenOrders;
using client::OpenOrdersFilter;
using client::Problem;
using client::Receiving;

/// One command, from now to its end. Each future gets its value in any case: ClientClosed if the client is destroyed
/// first. They never hold an exception. Dropping this takes nothing back.
class Cancel {
 public:
  /// As given, or as it was made.
  const std::string& cl_ord_id() const noexcept { return cl_ord_id_; }
  /// The exchange's id of the order.
  int64_t order_id() const noexcept { return order_id_; }
  /// When the command is on the bus's disk.
  const std::shared_future<Receiving>& received() const noexcept { return received_; }
  /// The exchange's answer; it can be in doubt.
  const std::shared_future<Ack>& ack() const noexcept { return ack_; }
  /// The last word; the order can still be open.
  const std::shared_future<Final>& final() const noexcept { return final_; }

 private:
  friend class Client;
  std::string cl_ord_id_;
  int64_t order_id_ = 0;
  std::shared_future<Receiving> received_;
  std::shared_future<Ack> ack_;
  std::shared_future<Final> final_;
};

/// One mass cancel, from now to its end. As Cancel; its reports come to the callback on_report.
class MassCancel {
 public:
  /// When it is on the bus's disk.
  const std::shared_future<Receiving>& received() const noexcept { return received_; }
  /// The last report, COMPLETED or REJECTED, or why there is none.
  const std::shared_future<MassCancelEnd>& end() const noexcept { return end_; }

 private:
  friend class Client;
  std::shared_future<Receiving> received_;
  std::shared_future<MassCancelEnd> end_;
};

/// How a Client waits, and where it reports.
struct Settings {
  /// How long open() waits for the bus; zero: it does not, and commands wait here until the bus is there.
  std::chrono::milliseconds connect_timeout{10'000};
  /// Every news, in order: events of the own topic and of `topics` among them.
  std::function<void(const Notice&)> on_notice = {};
  /// A sentence about what is not as it should be. None: it goes to standard error.
  std::function<void(const std::string&)> on_warning = {};
  /// Such a sentence comes each time that commands are undecided and nothing was heard of any for so long.
  std::chrono::milliseconds warn_every{10'000};
};

/// A connection with a thread of its own. May be used by any number of threads at a time.
class Client {
 public:
  /// Null and a Problem if an option is wrong, at once if the keys do not fit, or if there is no bus in time.
  static std::unique_ptr<Client> open(const ClientOptions& options, Problem& problem, Settings settings = {}) noexcept;
  /// Takes no command back. Waits for a callback that runs; from within one it does not, and the thread ends by itself.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Waits for nothing.
  Cancel cancel(int64_t order_id, const CancelOptions& options = {}, Callbacks callbacks = {}) noexcept;
  /// Cancels each of these orders once, as client::Client does: a thousand commands at a time, and what a full queue
  /// refuses is given again. The future gets its value when each order has its result, or the client is destroyed.
  std::shared_future<CancelSummary> cancel_many(const std::vector<int64_t>& order_ids,
                                                const CancelOptions& options = {},
                                                std::function<void(const CancelSummary&)> on_done = {}) noexcept;
  /// The account's open orders as far as the bus knows them. The future gets its value in any case; `refused` says why
  /// there are none, also if the client is destroyed first.
  std::shared_future<OpenOrders> open_orders(const OpenOrdersFilter& filter = {}) noexcept;
  /// Cancels every open order in a scope. Waits for nothing.
  MassCancel mass_cancel(const MassCancelOptions& options = {}, MassCancelCallbacks callbacks = {}) noexcept;
  /// What that would do now. Nothing is done.
  std::shared_future<MassCancelPreview> preview_mass_cancel(const MassCancelOptions& options) noexcept;
  /// Engages or releases a kill switch, as client::Client does. Waits for nothing.
  std::shared_future<KillSwitchAnswer> kill_switch(const KillSwitchOptions& options) noexcept;
  /// The strategy ends on purpose, as client::Client says. Wait for the future before you destroy the client, with a
  /// time limit: it has no value while the bus is away.
  std::shared_future<GoodbyeAnswer> goodbye(bool keep_orders) noexcept;
  /// A BusStatus notice will come.
  void ask_status() noexcept;
  /// What is wrong at the moment; none if all is well. Ask when a future is late.
  std::optional<Problem> problem() const noexcept;

 private:
  class Loop;
  explicit Client(std::shared_ptr<Loop> loop);
  std::shared_ptr<Loop> loop_;
};

}  // namespace cancelbus::blocking
