// The bare relay: what cancelbus's path costs without cancelbus. The same three processes, sockets, keys, messages and
// requests as the product's, but it decides nothing, stores nothing and logs nothing, and nothing that is lost is
// repeated. It passes a command on to one worker, and a 452 to the command's sender.
#pragma once

#include <string>

#include "tests/bench/wire.hpp"

namespace cancelbus::bench {

struct RelayOptions {
  CurveFiles keys;
  std::string backend_endpoint;  ///< of worker and subscriber
  std::string exchange_url;      ///< of the worker https://, of the subscriber wss://
  std::string ca_file;
  std::string api_key_file;
  std::string api_secret_file;
};

/// In place of cancel-bus: prints its three endpoints and `ready`. These three never return.
[[noreturn]] void relay_bus(const RelayOptions& options);
/// In place of cancel-worker: one connection, one request at a time.
[[noreturn]] void relay_worker(const RelayOptions& options);
/// In place of final-subscriber.
[[noreturn]] void relay_subscriber(const RelayOptions& options);

}  // namespace cancelbus::bench
