// The backend socket's frames: BackendRequest (worker or subscriber to bus) and BackendReply (bus to either).
//
// Bus, worker and subscriber each use their half. Errors are InvalidArgument and begin with the field's path, as
// `ready.worker_id: must not be 0`. Old and new binaries meet during an upgrade: an outcome that cannot be read still
// names its task (see outcome.hpp), and a worker reads of a task only what it needs.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/answer.hpp"
#include "service/core/events.hpp"
#include "service/core/term.hpp"
#include "service/core/types.hpp"

namespace cancelbus::wire {

/// Of the contract between the processes: Ready.version.
constexpr uint32_t BackendVersion = 1;

// ---- Bus ----

/// One of WorkerReady, TaskEnded, StreamFact, StreamReport.
absl::StatusOr<core::Event> decode_backend_request(std::string_view bytes, core::PeerId peer);

/// `term`: of the bus that sends it; with 0 it has none. A confirm of nothing only announces the term.
std::string encode_task(const core::SendTask& task, const core::Term& term);
std::string encode_confirm(const core::SendConfirm& confirm, const core::Term& term = {});
std::string encode_relogin();

// ---- Worker and subscriber ----

/// The peer fields of what these take mean nothing here.
std::string encode_ready(const core::WorkerReady& ready);
/// One frame, but for a listing of many orders, which takes several.
std::vector<std::string> encode_outcome(core::TaskId task, const core::Answer& answer);
/// `received`: when the stream's frame came.
std::string encode_order_fact(const core::StreamFact& fact, core::WallTime received);
std::string encode_stream_state(const core::StreamReport& report);
/// One of the two as it is sent: which numbers are confirmed by then was not known when it was encoded.
std::string with_oldest_unconfirmed(const std::string& message, uint64_t seq);

/// One request to make, as the worker sees it. A query's order has only its order_id; that of a request for open orders
/// only its symbol, or nothing.
struct Task {
  core::TaskId task = 0;
  uint32_t attempt = 0;
  int64_t stamp_ms = 0;
  std::optional<core::Term> term;  ///< absent: from a bus that does not know terms
  core::LimiterKind kind = core::LimiterKind::Cancel;
  core::CancelOrder order;
};

struct Confirm {
  std::vector<core::TaskId> tasks;
  uint64_t fact_seq = 0;
  std::optional<core::Term> term;  ///< as a Task's
};

/// Send what comes from the exchange, for so long.
struct Record {
  core::Duration lease{};
};

struct Relogin {};
struct Drain {};

using BackendReply = std::variant<Task, Confirm, Relogin, Drain, Record>;
absl::StatusOr<BackendReply> decode_backend_reply(std::string_view bytes);

}  // namespace cancelbus::wire
