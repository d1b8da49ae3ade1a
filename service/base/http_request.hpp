// A request as its author composes it and as a connection sends it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cancelbus::base {

/// Without a body. The connection adds Host and User-Agent.
struct HttpRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Of the response: whether to keep it.
  bool keep_head = false;
};

}  // namespace cancelbus::base
