// A request as its author composes it and as a connection sends it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cancelbus::base {

/// Without a body. The connection adds Host and User-Agent.
struct HttpRequest {
  static constexpr uint32_t MaxResponseBytes = 64 * 1024;

  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  /// A longer body of the response is not read to its end.
  uint32_t max_response_bytes = MaxResponseBytes;
  /// Of the response: whether to keep it.
  bool keep_head = false;
};

}  // namespace cancelbus::base
