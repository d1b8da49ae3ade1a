// What strategies are told, as they read it through the session machine: each event once and in order, at most one
// receipt, one ack and one final of each command.
//
// Part of the judge.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/simulation/client.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/masses.hpp"

namespace cancelbus::simulation {

class Readers : public ClientWatch {
 public:
  struct Rules {
    bool may_lose = false;    ///< events are pruned so soon that a reader can miss them for good
    bool new_epochs = false;  ///< the store may lose commits
  };

  Readers(World& world, const Ledger& ledger, const Masses& masses, Rules rules)
      : world_(world), ledger_(ledger), masses_(masses), rules_(rules) {}

  void client_started(const std::string& client, const client::SessionOptions& options) override;
  void client_died(const std::string& client) override;
  void canceling(const std::string& client, const v1::CancelOrder& order) override;
  void mass_canceling(const std::string& client, const v1::MassCancel& request) override;
  void told(const std::string& client, const client::Notice& notice) override;

  /// Commands and mass cancels whose last word the client has not read.
  size_t waiting(const std::string& client) const {
    return lives_.at(client).asked.size() + lives_.at(client).masses.size();
  }
  /// All that the client waits for are commands that are stuck, and mass cancels that may stay open.
  bool only_stuck(const std::string& client) const;
  /// Who has not read to the end, or nothing.
  std::string read_to_the_end(const Store& store) const;

 private:
  /// Of one call of cancel().
  struct Asked {
    int64_t order_id = 0;
    bool receipt = false;
    bool ack = false;
    bool final_follows = false;
  };
  struct Massed {
    bool dry_run = false;
    bool receipt = false;
    bool accepted = false;  ///< a report was read
  };
  struct Life {
    std::string sender = {};
    std::map<std::string, Asked> asked = {};    ///< until the last word
    std::map<std::string, Massed> masses = {};  ///< likewise
    std::map<std::string, uint64_t> next_seq = {};
    bool lost = false;
  };

  void receipt(const std::string& client, Life& life, const v1::Receipt& receipt);
  void ack(const std::string& client, Life& life, const v1::CancelAck& ack);
  void final(const std::string& client, Life& life, const v1::CancelFinal& final);
  void report(const std::string& client, Life& life, const v1::MassCancelReport& report);
  /// Of a mass cancel that `client` asked for and that has not ended; it has by now.
  void end(const std::string& client, Life& life, const std::string& cl_ord_id, bool right, const char* what);
  void event(const std::string& client, Life& life, const v1::Event& event);
  void lost(const std::string& client, Life& life, const client::LostEvents& lost);
  void new_epoch(const std::string& client, Life& life);

  World& world_;
  const Ledger& ledger_;
  const Masses& masses_;
  Rules rules_;
  std::map<std::string, Life> lives_;
};

}  // namespace cancelbus::simulation
