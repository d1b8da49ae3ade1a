// --check: is everything in place for the stream? Connects, logs in once, says what it found, and leaves.
#pragma once

#include <boost/asio/io_context.hpp>

#include "service/subscriber/options.hpp"

namespace cancelbus::subscriber {

/// Writes a line per finding to stdout. Returns what the process exits with: 0 if logged in, else 1.
int run_check(boost::asio::io_context& context, Options& options);

}  // namespace cancelbus::subscriber
