// `cancel-worker --check`: tells an operator what the worker would find at the exchange.
//
// One connection, a series of clock readings, one signed order query for an order that does not exist. Cancels nothing.
#pragma once

#include <boost/asio/io_context.hpp>

#include "service/worker/options.hpp"

namespace cancelbus::worker {

/// Prints a line for each finding; returns the exit code, 0 if all is well and 1 otherwise.
int run_check(boost::asio::io_context& context, Options& options);

}  // namespace cancelbus::worker
