// What a worker asks of the exchange: the request that a task means, and the time.
//
// Between btcturk/, which knows the words, and io/, which carries them. Decides nothing: an outcome is named, and left
// to the bus.
#pragma once

#include <absl/status/statusor.h>

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "service/backend/recorder.hpp"
#include "service/base/http_request.hpp"
#include "service/btcturk/rest.hpp"
#include "service/btcturk/signer.hpp"
#include "service/core/answer.hpp"
#include "service/io/https_client.hpp"
#include "service/wire/backend_codec.hpp"
#include "service/worker/clock_schedule.hpp"
#include "service/worker/exchange_clock.hpp"

namespace cancelbus::worker {

namespace asio = boost::asio;

/// Signed with the stamp of the task's permit.
base::HttpRequest request_for(btcturk::Signer& signer, const wire::Task& task);

/// What became of that request, in the bus's words.
core::Answer answer_to(const wire::Task& task, const io::HttpOutcome& outcome);

/// Tells the recorder of it, if the request was written.
void record(backend::Recorder& recorder, const base::HttpRequest& request, const io::HttpOutcome& outcome,
            core::TaskId task);

/// A series of readings of the exchange's clock, of which the one with the smallest round trip is to be believed: as
/// many as the schedule allows, and fewer if one fails. At least one.
/// `recorder`, if any, is told of each.
asio::awaitable<absl::StatusOr<std::vector<ClockReading>>> read_clock(io::HttpsClient& client, ClockSchedule& schedule,
                                                                      backend::Recorder* recorder = nullptr);

}  // namespace cancelbus::worker
