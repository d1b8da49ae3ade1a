// Names for commands that were given none. Used by both clients; next() from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace cancelbus::client {

class ClOrdIds {
 public:
  ClOrdIds();
  std::string next();

 private:
  std::string prefix_;
  std::atomic<uint64_t> made_ = 0;
};

}  // namespace cancelbus::client
