// Cancels orders that it has placed at the local exchange, at a given pace, and says how long that took.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cancelbus/client.hpp"
#include "service/io/option_values.hpp"

namespace cancelbus::load {

struct Options {
  client::ClientOptions bus;
  io::Url exchange;
  /// Of the authority that the exchange's certificate is of.
  std::string exchange_ca_file;
  int64_t count = 0;
  /// Commands a second; absent: as many as go out.
  std::optional<int64_t> rate;
  /// Nothing is sent after so many.
  std::optional<std::chrono::seconds> seconds;
  /// Gives up when nothing was heard for so long.
  std::chrono::nanoseconds timeout{};
  bool json = false;
};

/// Until all is canceled, or `interrupted`. Returns the exit code.
int run(const Options& options, const std::atomic<bool>& interrupted);

}  // namespace cancelbus::load
