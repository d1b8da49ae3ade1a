// A strategy as a process: the real session machine of clients/cpp on a simulated DEALER and SUB, which move to
// the next bus as those of clients/cpp/cancelbus/client.cpp do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cancelbus/session.hpp"
#include "tests/simulation/socket.hpp"

namespace cancelbus::simulation {

/// Watches what a strategy is told. A life is one run of the process.
class ClientWatch {
 public:
  virtual ~ClientWatch() = default;
  virtual void client_started(const std::string& client, const client::SessionOptions& options) = 0;
  virtual void client_died(const std::string& client) = 0;
  virtual void canceling(const std::string& client, const v1::CancelOrder& order) = 0;
  virtual void mass_canceling(const std::string& client, const v1::MassCancel& request) = 0;
  virtual void told(const std::string& client, const client::Notice& notice) = 0;
};

class ClientProcess : public Process {
 public:
  ClientProcess(World& world, std::string name, Clock clock, client::SessionOptions options,
                std::vector<BusAddress> buses, ClientWatch& watch);
  ~ClientProcess() override;

  /// The strategy's decision; nothing happens if it is dead or waits for an answer to this cl_ord_id.
  void cancel(v1::CancelOrder order);
  /// Likewise.
  void mass_cancel(v1::MassCancel request);
  void kill_switch(v1::KillSwitchRequest request);
  /// `left`: once it is answered in this life of the process.
  void goodbye(bool keep_orders, std::function<void()> left);
  /// An operator's word; a later one takes the place of one that is not answered.
  void resolve(v1::ResolveRequest request);
  void retry(v1::RetryRequest request);
  size_t undecided() const;

 protected:
  void on_start() override;
  void on_kill() override;
  void on_given_up() override;

 private:
  struct Life;

  client::SessionOptions options_;
  std::vector<BusAddress> buses_;
  ClientWatch& watch_;
  std::unique_ptr<Life> life_;
};

}  // namespace cancelbus::simulation
