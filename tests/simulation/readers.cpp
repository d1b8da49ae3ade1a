#include "tests/simulation/readers.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace cancelbus::simulation {

void Readers::client_started(const std::string& client, const client::SessionOptions& options) {
  lives_[client] = {.sender = options.sender_comp_id};
}

void Readers::client_died(const std::string& client) { lives_.erase(client); }

void Readers::canceling(const std::string& client, const v1::CancelOrder& order) {
  world_.tell(client, "cancels ", order.cl_ord_id());
  lives_[client].asked[order.cl_ord_id()] = {.order_id = order.order_id()};
}

void Readers::mass_canceling(const std::string& client, const v1::MassCancel& request) {
  world_.tell(client, "mass cancels ", request.cl_ord_id());
  lives_[client].masses[request.cl_ord_id()] = {.dry_run = request.dry_run()};
}

void Readers::told(const std::string& client, const client::Notice& notice) {
  Life& life = lives_[client];
  std::visit(
      [&](const auto& n) {
        using N = std::decay_t<decltype(n)>;
        if constexpr (std::is_same_v<N, v1::Receipt>) {
          receipt(client, life, n);
        } else if constexpr (std::is_same_v<N, v1::CancelAck>) {
          ack(client, life, n);
        } else if constexpr (std::is_same_v<N, v1::CancelFinal>) {
          final(client, life, n);
        } else if constexpr (std::is_same_v<N, v1::MassCancelReport>) {
          report(client, life, n);
        } else if constexpr (std::is_same_v<N, v1::MassCancelPreview>) {
          end(client, life, n.cl_ord_id(), life.masses[n.cl_ord_id()].dry_run, "a preview");
        } else if constexpr (std::is_same_v<N, client::MassCancelLost>) {
          end(client, life, n.cl_ord_id, rules_.new_epochs, "word that the bus has lost it");
        } else if constexpr (std::is_same_v<N, client::MassCancelUnknown>) {
          end(client, life, n.cl_ord_id, false, "word that the bus does not know it");
        } else if constexpr (std::is_same_v<N, v1::KillSwitchReply>) {
          world_.tell(client, "is told of its kill switch: ", v1::KillSwitchStatus_Name(n.status()), ' ', n.text());
        } else if constexpr (std::is_same_v<N, v1::GoodbyeReply>) {
          world_.tell(client, "is told: ", n.text());
        } else if constexpr (std::is_same_v<N, client::KillSwitchUnknown> ||
                             std::is_same_v<N, client::GoodbyeUnknown>) {
          world_.fail(client, " is told that the bus does not know its request");
        } else if constexpr (std::is_same_v<N, v1::Event>) {
          event(client, life, n);
        } else if constexpr (std::is_same_v<N, client::LostEvents>) {
          lost(client, life, n);
        } else if constexpr (std::is_same_v<N, client::NewEpoch>) {
          new_epoch(client, life);
        } else if constexpr (std::is_same_v<N, client::Unreadable>) {
          world_.fail(client, " cannot read ", n.what);
        } else if constexpr (std::is_same_v<N, v1::Reject>) {
          world_.fail(client, " is told that its frame is bad: ", n.field(), ' ', n.text());
        } else if constexpr (std::is_same_v<N, client::Connected>) {
          world_.tell(client, "is connected");
        } else if constexpr (std::is_same_v<N, client::Silent>) {
          world_.tell(client, "hears nothing");
        }
      },
      notice);
}

void Readers::receipt(const std::string& client, Life& life, const v1::Receipt& receipt) {
  if (const auto mass = life.masses.find(receipt.cl_ord_id()); mass != life.masses.end()) {
    if (std::exchange(mass->second.receipt, true)) world_.fail(client, " gets two receipts of ", receipt.cl_ord_id());
    if (receipt.status() == v1::RECEIPT_STATUS_REFUSED) life.masses.erase(mass);
    return;
  }
  const auto it = life.asked.find(receipt.cl_ord_id());
  if (it == life.asked.end()) return world_.fail(client, " gets a receipt of ", receipt.cl_ord_id(), " unasked");
  const bool refused = receipt.status() == v1::RECEIPT_STATUS_REFUSED;
  // The first of the two was of an earlier command with this cl_ord_id.
  const CommandSeen* known = ledger_.find({life.sender, receipt.cl_ord_id()});
  const bool other = refused && (!known || known->order.order_id != it->second.order_id);
  if (std::exchange(it->second.receipt, true) && !other) {
    world_.fail(client, " gets two receipts of ", receipt.cl_ord_id());
  }
  if (refused) life.asked.erase(it);
}

void Readers::ack(const std::string& client, Life& life, const v1::CancelAck& ack) {
  world_.tell(client, "reads the ack of ", ack.cl_ord_id());
  const auto it = life.asked.find(ack.cl_ord_id());
  if (it == life.asked.end())
    return world_.fail("promise 2: ", client, " gets an ack of ", ack.cl_ord_id(), " unasked");
  if (ack.order_id() != it->second.order_id) {
    return world_.fail("promise 2: ", client, " gets an ack of another order as that of ", ack.cl_ord_id());
  }
  if (std::exchange(it->second.ack, true)) world_.fail("promise 2: ", client, " gets two acks of ", ack.cl_ord_id());
  it->second.final_follows = ack.final_follows();
  if (!ack.final_follows()) life.asked.erase(it);
}

void Readers::final(const std::string& client, Life& life, const v1::CancelFinal& final) {
  world_.tell(client, "reads the final of ", final.cl_ord_id());
  const auto it = life.asked.find(final.cl_ord_id());
  if (it == life.asked.end()) {
    return world_.fail("promise 2: ", client, " gets a final of ", final.cl_ord_id(), " unasked");
  }
  if (final.order_id() != it->second.order_id) {
    return world_.fail("promise 2: ", client, " gets a final of another order as that of ", final.cl_ord_id());
  }
  const bool announced = it->second.ack && it->second.final_follows;
  if (!announced && !life.lost) world_.fail("promise 2: ", client, " gets the final of ", final.cl_ord_id(), " first");
  life.asked.erase(it);
}

void Readers::report(const std::string& client, Life& life, const v1::MassCancelReport& report) {
  const std::string& id = report.cl_ord_id();
  world_.tell(client, "reads the report of ", id, ", ", v1::MassCancelStatus_Name(report.status()));
  const auto it = life.masses.find(id);
  if (it == life.masses.end() || it->second.dry_run) return world_.fail(client, " gets a report of ", id, " unasked");
  const bool is_end =
      report.status() == v1::MASS_CANCEL_STATUS_COMPLETED || report.status() == v1::MASS_CANCEL_STATUS_REJECTED;
  if (is_end) life.masses.erase(it);
}

void Readers::end(const std::string& client, Life& life, const std::string& cl_ord_id, bool right, const char* what) {
  world_.tell(client, "gets ", what, ": ", cl_ord_id);
  if (life.masses.erase(cl_ord_id) == 0 || !right) world_.fail(client, " gets ", what, " unasked: ", cl_ord_id);
}

void Readers::event(const std::string& client, Life& life, const v1::Event& event) {
  if (event.seq() == 0) return;
  const auto [next, is_first] = life.next_seq.try_emplace(event.topic(), event.seq());
  if (event.seq() != next->second) {
    world_.fail("promise 5: ", client, " reads ", event.topic(), ' ', event.seq(), " where ", next->second,
                " was next");
  }
  next->second = event.seq() + 1;
  v1::Event first_sent = event;
  first_sent.set_poss_dup(false);
  const std::string* payload = ledger_.payload(event.epoch(), event.topic(), event.seq());
  if (!payload || first_sent.SerializeAsString() != *payload) {
    world_.fail("promise 5: ", client, " reads another ", event.topic(), ' ', event.seq(), " than was committed");
  }
}

void Readers::lost(const std::string& client, Life& life, const client::LostEvents& lost) {
  if (!rules_.may_lose) {
    world_.fail("promise 5: ", client, " is refused ", lost.topic, ' ', lost.from_seq, " to ", lost.to_seq,
                ", which are kept");
  }
  life.lost = true;
  life.next_seq[lost.topic] = lost.to_seq + 1;
}

// What it waits for begins anew: the bus may know none of it.
void Readers::new_epoch(const std::string& client, Life& life) {
  if (!rules_.new_epochs) return world_.fail("promise 5: ", client, " is told of another epoch");
  world_.tell(client, "is told of another epoch");
  life.next_seq.clear();
  for (auto& [cl_ord_id, asked] : life.asked) asked = {.order_id = asked.order_id};
  for (auto& [cl_ord_id, mass] : life.masses) mass = {.dry_run = mass.dry_run};
}

bool Readers::only_stuck(const std::string& client) const {
  const Life& life = lives_.at(client);
  const bool stay_open = std::ranges::all_of(life.masses, [&](const auto& mass) {
    return masses_.may_stay_open({life.sender, mass.first});
  });
  return stay_open && std::all_of(life.asked.begin(), life.asked.end(), [&](const auto& asked) {
           const CommandSeen* command = ledger_.find({life.sender, asked.first});
           return command && command->stuck && !command->ended();
         });
}

std::string Readers::read_to_the_end(const Store& store) const {
  for (const auto& [client, life] : lives_) {
    for (const auto& [topic, next] : life.next_seq) {
      if (next == store.next_seq(topic)) continue;
      return client + " has read " + topic + " up to " + std::to_string(next) + " of " +
             std::to_string(store.next_seq(topic));
    }
  }
  return "";
}

}  // namespace cancelbus::simulation
