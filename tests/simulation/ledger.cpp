#include "tests/simulation/ledger.hpp"

#include <algorithm>

#include "tests/unit/wire/event_decoder.hpp"

namespace cancelbus::simulation {

namespace {

std::string sender_of(const std::string& topic) {
  return topic.starts_with("client.") ? topic.substr(7, topic.size() - 8) : "";
}

std::string named(const core::CommandKey& key) { return key.sender + "/" + key.cl_ord_id; }

}  // namespace

bool Ledger::bus_started() {
  if (store_.epoch() == epoch_) return false;
  auto& kept = events_[store_.epoch()] = events_[epoch_];
  epoch_ = store_.epoch();
  for (auto& [topic, events] : kept) events.resize(store_.next_seq(topic) - 1);
  commands_.merge(forgotten_);
  std::erase_if(commands_, [this](const auto& entry) { return !store_.commands().contains(entry.first); });
  for (auto& [key, command] : commands_) {
    const core::CommandRecord& record = store_.commands().at(key);
    if (!record.ack) command.ack.reset();
    if (record.final_seq == 0) command.final.reset();
  }
  return true;
}

bool Ledger::committed(const core::CommandRecord& record) {
  auto [it, is_new] = commands_.try_emplace(record.key);
  CommandSeen& command = it->second;
  if (is_new) {
    command.key = record.key;
    command.order = record.order;
    command.received = world_.now();
  }
  if (command.order.order_id != record.order.order_id) {
    world_.fail("promise 6: the command ", named(record.key), " has become one of another order");
  }
  return is_new;
}

std::optional<core::OrderId> Ledger::forgotten(const core::CommandKey& key) {
  const CommandSeen* command = find(key);
  if (!command || !command->ended()) {
    world_.fail("promise 7: the open command ", named(key), " is forgotten");
    return std::nullopt;
  }
  const core::OrderId order = command->order.order_id;
  forgotten_.erase(key);
  forgotten_.insert(commands_.extract(key));
  const bool another = std::ranges::any_of(commands_, [&](const auto& c) { return c.second.order.order_id == order; });
  return another ? std::nullopt : std::optional(order);
}

std::pair<const CommandSeen*, core::Publication> Ledger::committed(const io::EventRow& row) {
  std::vector<std::string>& events = events_[epoch_][row.topic];
  if (row.seq != events.size() + 1) {
    world_.fail("promise 5: ", row.topic, " goes on with seq ", row.seq, " after ", events.size());
  }
  events.push_back(row.payload);
  auto decoded = wire::decode_event(row.payload);
  if (!decoded.ok()) {
    world_.fail("an event cannot be read: ", std::string(decoded.status().message()));
    return {};
  }
  core::Publication& publication = decoded->publication;
  const std::string sender = sender_of(row.topic);
  const auto* final = std::get_if<core::CancelFinal>(&publication.body);
  const bool of_no_command =
      std::holds_alternative<core::MassCancelReport>(publication.body) || (final && final->unsolicited);
  if (sender.empty() || of_no_command) return {nullptr, std::move(publication)};
  const auto key_of = [&](const auto& body) { return core::CommandKey{sender, body.cl_ord_id}; };
  const core::CommandKey key = std::visit(key_of, publication.body);
  const auto it = commands_.find(key);
  if (it == commands_.end()) {
    world_.fail("promise 1: an event of ", named(key), ", which was not committed");
    return {};
  }
  if (const auto* ack = std::get_if<core::CancelAck>(&publication.body)) take(it->second, *ack);
  if (const auto* status = std::get_if<core::CancelStatus>(&publication.body)) take(it->second, *status);
  if (final) take(it->second, *final);
  return {&it->second, std::move(publication)};
}

void Ledger::take(CommandSeen& command, const core::CancelAck& ack) {
  if (command.ack) world_.fail("promise 2: a second ack of ", named(command.key));
  if (command.final) world_.fail("promise 2: an ack of ", named(command.key), " after its final");
  if (!ack.final_follows && ack.status != core::AckStatus::Rejected) {
    world_.fail("promise 2: ", named(command.key), " is not rejected, and no final is to follow");
  }
  command.ack = ack;
}

void Ledger::take(CommandSeen& command, const core::CancelFinal& final) {
  if (command.final) world_.fail("promise 2: a second final of ", named(command.key));
  if (!command.ack) world_.fail("promise 2: a final of ", named(command.key), " before its ack");
  if (command.ack && !command.ack->final_follows)
    world_.fail("promise 2: ", named(command.key), " was to have no final");
  command.final = final;
}

void Ledger::take(CommandSeen& command, const core::CancelStatus& status) {
  if (status.stage == core::Stage::Stuck) command.stuck = true;
  if (status.stage == core::Stage::BackOnBook) command.back_on_book = true;
  if (command.ended() && status.stage != core::Stage::BackOnBook) {
    world_.fail("a status of ", named(command.key), " after its end");
  }
}

void Ledger::sending(const core::SendReceipt& receipt, const std::string& sender) {
  const core::CommandKey key{sender, receipt.cl_ord_id};
  const auto it = commands_.find(key);
  const bool known = it != commands_.end() && store_.commands().contains(key);
  if (receipt.status == core::ReceiptStatus::Refused) return;
  if (!known) return world_.fail("promise 1: a receipt of ", named(key), ", which is not committed");
  if (receipt.status != core::ReceiptStatus::Applied) return;
  if (it->second.applied) world_.fail("promise 6: ", named(key), " is applied a second time");
  it->second.applied = true;
}

void Ledger::publishing(const io::EventRow& row) {
  const std::string* committed = payload(epoch_, row.topic, row.seq);
  if (!committed) return world_.fail("promise 1: ", row.topic, ' ', row.seq, " is published and not committed");
  if (*committed != row.payload) world_.fail("promise 7: two events are ", row.topic, ' ', row.seq);
}

const CommandSeen* Ledger::find(const core::CommandKey& key) const {
  const auto it = commands_.find(key);
  return it == commands_.end() ? nullptr : &it->second;
}

bool Ledger::has_undecided(core::OrderId order) const {
  return std::any_of(commands_.begin(), commands_.end(), [order](const auto& entry) {
    return entry.second.order.order_id == order && !entry.second.ended();
  });
}

const std::string* Ledger::payload(uint64_t epoch, const std::string& topic, uint64_t seq) const {
  const auto topics = events_.find(epoch);
  if (topics == events_.end()) return nullptr;
  const auto it = topics->second.find(topic);
  return it == topics->second.end() || seq == 0 || seq > it->second.size() ? nullptr : &it->second[seq - 1];
}

bool Ledger::settled() const {
  return std::all_of(commands_.begin(), commands_.end(),
                     [](const auto& entry) { return entry.second.ended() || entry.second.stuck; });
}

}  // namespace cancelbus::simulation
