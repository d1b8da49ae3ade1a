#include "service/backend/buses.hpp"

#include "service/io/log.hpp"

namespace cancelbus::backend {

absl::Status Buses::connect(const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) {
    connections_.push_back(std::make_unique<Connection>(context_, zmq_, keys_));
    if (auto status = connections_.back()->bus.connect(endpoint); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Buses::on_ready(const std::function<void()>& handler) {
  for (const auto& connection : connections_) connection->socket.on_ready(handler);
}

bool Buses::send(std::string_view frame) {
  bool sent = false;
  for (const auto& connection : connections_) {
    sent |= connection->socket.send({frame}) == io::SendResult::Sent;
  }
  return sent;
}

bool Buses::receive(io::Frames& frames) {
  for (const auto& connection : connections_) {
    if (connection->socket.receive(frames)) return true;
  }
  return false;
}

bool Buses::believes(const std::optional<core::Term>& term, std::string_view what) {
  const auto before = highest_.seen();
  if (!term) return true;
  if (highest_.take(*term)) {
    const bool another = !before || before->term != term->term;
    if (another) io::log_info("term", {{"term", term->term}, {"leader", term->leader_id}});
    return true;
  }
  const bool logged = refused_.term == term->term && refused_.leader_id == term->leader_id;
  refused_ = *term;
  if (!logged) {
    io::log_warn("older_term", {{"message", std::string(what)},
                                {"term", term->term},
                                {"leader", term->leader_id},
                                {"seen_term", before->term},
                                {"seen_leader", before->leader_id}});
  }
  return false;
}

}  // namespace cancelbus::backend
