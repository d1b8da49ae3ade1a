// One connection to PostgreSQL, through libpq's socket on the loop. Nothing here blocks, but for the look-up of a
// host's name, which libpq does itself: `hostaddr` in the URI saves it.
//
// A request is a list of statements, sent together and answered together: libpq's pipeline mode, in which all
// statements up to a Sync are one transaction. So a commit of many rows costs one round trip. Requests are answered in
// the order of the calls. Threads: one caller, who runs the io_context.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/io/postgres_values.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;

/// The text must outlive the connection that runs it.
struct PgStatement {
  std::string_view sql;
  PgParameters parameters = {};
};
using PgRequest = std::vector<PgStatement>;

/// What came of a request.
struct PgReply {
  /// Unavailable without a sqlstate: the connection is lost, and whether the request was carried out is unknown.
  absl::Status status = {};
  std::string sqlstate = {};  ///< of the error that undid the whole request; empty if there was none
  bool warned = false;        ///< the server has warned: a commit may be here alone, and replicated nowhere
  /// Of each statement, if all went well.
  std::vector<std::shared_ptr<const pg_result>> results = {};

  int rows(size_t statement) const;
  PgRow row(size_t statement, int row) const { return {results[statement].get(), row}; }
};

class PgConnection {
 public:
  using Done = std::function<void(PgReply)>;

  /// A server that owes an answer and sends nothing for `silence` counts as lost: a machine without power resets no
  /// connection.
  PgConnection(asio::io_context& context, std::chrono::nanoseconds silence);
  /// Calls back no more.
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  /// Connects to the first host of the URI that answers and takes writes; once. Each has the URI's connect_timeout, or
  /// 2 s. `done` gets OK or why the last one did not.
  void open(const std::string& uri, std::function<void(absl::Status)> done);
  bool is_open() const;

  /// These are parsed once, and not each time: send it before requests that use them.
  void prepare(const std::vector<std::string>& statements, Done done);
  /// `done` is called from the loop, never before this returns.
  void run(const PgRequest& request, Done done);

  /// Ends the connection. What is under way is answered with this status, from the loop.
  void close(const absl::Status& why);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Why this is no URI of libpq; empty: it is one.
std::string postgres_uri_error(const std::string& uri);
/// The URI for people: without its password.
std::string postgres_uri_text(const std::string& uri);

}  // namespace cancelbus::io
