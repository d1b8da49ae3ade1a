// One kept-alive TLS connection to an HTTP/1.1 server, as coroutines.
//
// Used by the worker, which holds several. What it is careful about is what may have happened to a request: only
// "never written" says that it certainly did not reach the server. For that a read is always pending, also while the
// connection is idle, so that a connection the server has closed is known as such before a request is written to it;
// and the socket closes by reset, so that no buffered request is delivered after it was given up.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "service/base/http_request.hpp"
#include "service/core/types.hpp"
#include "service/io/dial.hpp"
#include "service/io/option_values.hpp"
#include "service/io/tls.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;

using base::HttpRequest;

struct HttpResponse {
  int status = 0;
  /// The header as it came; absent if it did not.
  std::optional<std::string> retry_after;
  std::string date;  ///< likewise; empty if it did not come
  /// A line for each header, if the request asked for it.
  std::string head;
  std::string body;
  /// The body was longer than the request allows; `body` is empty.
  bool oversized = false;
};

struct HttpOutcome {
  enum class End : uint8_t {
    NeverWritten,  ///< no byte of the request was handed to the kernel
    Answered,      ///< a complete response, or its head and too large a body
    NoResponse,    ///< written at least in part: the server may have acted on it
  };
  End end = End::NeverWritten;
  HttpResponse response;                   ///< Answered
  std::string error;                       ///< not Answered: what happened
  std::optional<core::WallTime> sent;      ///< when writing began
  std::optional<core::WallTime> answered;  ///< when the response was complete
};

class HttpsClient {
 public:
  static constexpr uint32_t MaxHeaderBytes = 16 * 1024;

  struct Options {
    Url url;  ///< its path is not used
    TlsContext tls;
    core::Duration connect_timeout{};  ///< for name lookup, TCP and TLS together
    core::Duration request_timeout{};  ///< from the first byte written to the last one read
    IpFamily ip_family = IpFamily::V4;
  };

  HttpsClient(asio::io_context& context, Options options);
  /// Resets the connection; a request under way ends as NoResponse.
  ~HttpsClient();
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;

  /// Called when an established connection has ended, for whatever reason but close() and connect().
  void on_closed(std::function<void(const std::string& why)> handler);

  /// Establishes the connection anew. One at a time, and not while a request is under way.
  asio::awaitable<absl::Status> connect();
  /// Established, and no request under way.
  bool idle() const;
  /// Responses that the latest connection has brought.
  uint64_t answers() const;
  /// One at a time. `may_write`, if given, is asked at the last moment; false ends it as NeverWritten.
  asio::awaitable<HttpOutcome> request(HttpRequest request, std::function<bool()> may_write = {});
  void close();

  /// Of the connection that stands: its two addresses, TLS version, cipher, certificate.
  std::string description() const;

 private:
  class Connection;

  asio::io_context& context_;
  std::shared_ptr<const Options> options_;
  std::function<void(const std::string&)> closed_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace cancelbus::io
