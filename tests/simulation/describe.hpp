// What happens in the bus, in words for the transcript.
#pragma once

#include <string>

#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "service/io/store.hpp"

namespace cancelbus::simulation {

/// Heartbeats of workers, clients and subscriber that say nothing new come out empty; so do their answers.
std::string describe(const core::Event& event);
std::string describe(const core::Send& send);
std::string describe(const io::EventRow& event);
std::string describe(const core::Answer& answer);
/// Orders are numbered from 1 in the order of their placing.
std::string order_name(core::OrderId id);
/// The bus's start, shortened, and the number within it.
std::string task_name(core::TaskId id);

}  // namespace cancelbus::simulation
