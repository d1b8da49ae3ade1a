// One REST request and its answer, without a socket. The edge (or a simulation) makes requests, the model makes
// answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace exchange_sim {

struct HttpRequest {
  std::string method;
  std::string target;
  std::string public_key;  // X-PCK
  std::string stamp;       // X-Stamp, as it came
  std::string signature;   // X-Signature
  std::string body;
  std::string ip;
};

struct HttpAnswer {
  unsigned status = 200;
  std::string body;
  std::optional<std::int64_t> retry_after_s;
  bool close = false;                                   // the connection ends after this answer
  std::string retry_after = {};                         // the header as it is, instead of retry_after_s
  std::optional<std::int64_t> retry_after_date_s = {};  // or a date so many seconds from when the answer leaves
  std::string date = {};  // when it leaves, by the exchange's clock; empty: not known, and there is no such header
};

// The value of Retry-After; empty: there is none.
inline std::string retry_after_header(const HttpAnswer& answer) {
  if (!answer.retry_after.empty()) return answer.retry_after;
  return answer.retry_after_s ? std::to_string(*answer.retry_after_s) : "";
}

// Proxies answer in HTML, the exchange in JSON.
inline std::string_view content_type(const HttpAnswer& answer) {
  return answer.body.starts_with('<') ? "text/html" : "application/json; charset=utf-8";
}

}  // namespace exchange_sim
