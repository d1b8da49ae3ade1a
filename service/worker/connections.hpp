// The TLS connections that a worker keeps open and warm, and lends to one request each.
//
// A connection that the exchange closes is opened again at once; one that cannot be opened, or is closed before it was
// of any use, after a pause.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "service/core/types.hpp"
#include "service/io/https_client.hpp"

namespace cancelbus::worker {

namespace asio = boost::asio;

class Connections {
  struct Slot;

 public:
  /// A connection for one user; goes back when this is destroyed. Must not outlive the Connections.
  class Lease {
   public:
    Lease(Connections& owner, Slot& slot);
    ~Lease();
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;

    io::HttpsClient& client() { return slot_->client; }

   private:
    Connections* owner_;
    Slot* slot_;
  };

  /// `on_change` is called whenever established() has changed.
  Connections(asio::io_context& context, const io::HttpsClient::Options& options, size_t count,
              std::function<void()> on_change);

  void start();
  /// Closes all; callers that wait in acquire() get nothing.
  void stop();

  /// Waits for a connection, at most until the tick.
  asio::awaitable<std::optional<Lease>> acquire(core::Tick until);

  size_t established() const;
  /// Since the start.
  uint64_t opened() const { return opened_; }
  uint64_t failures() const { return failures_; }

 private:
  struct Slot {
    Slot(asio::io_context& context, const io::HttpsClient::Options& options)
        : client(context, options), news(context) {}

    io::HttpsClient client;
    /// Cancelled when the connection has ended.
    asio::steady_timer news;
    bool open = false;
    bool leased = false;
  };

  asio::awaitable<void> keep_open(Slot& slot);
  void report_failure(const std::string& why);
  Slot* free_slot();
  void changed();

  asio::io_context& context_;
  std::list<Slot> slots_;
  std::function<void()> on_change_;
  /// Cancelled whenever a connection may have become free.
  asio::steady_timer freed_;
  /// The log has it: said again only when it is another one. Empty since a connection could be opened.
  std::string last_failure_;
  uint64_t opened_ = 0;
  uint64_t failures_ = 0;
  bool stopped_ = false;
};

}  // namespace cancelbus::worker
