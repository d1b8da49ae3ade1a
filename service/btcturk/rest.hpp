// The exchange's REST interface: requests as values, replies read into the core's words.
//
// The worker sends what is built here and reports what is read here. A request can be formed only with the stamp of a
// permit. HTTP status and message decide; the exchange's numeric codes have drifted over the years and are only carried
// along. Reading never fails: what cannot be understood is a Doubtful answer, and every verdict other than Doubtful is
// the exchange's own word (Arrival::Answered).
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "service/base/http_request.hpp"
#include "service/btcturk/signer.hpp"
#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::btcturk {

using base::HttpRequest;

/// The endpoint of open orders has no pages.
constexpr uint32_t MaxOpenOrdersBytes = 32 * 1024 * 1024;

/// A complete response.
struct HttpReply {
  int status = 0;
  std::string_view retry_after;  ///< the header's value as it came; empty if it did not
  std::string_view body;
  std::string_view date = {};  ///< likewise of Date, which says what a date in `retry_after` means
};

/// `stamp_ms`: the permit's, milliseconds since the Unix epoch by the exchange's clock.
HttpRequest cancel_request(Signer& signer, core::OrderId order, int64_t stamp_ms);
HttpRequest query_request(Signer& signer, core::OrderId order, int64_t stamp_ms);
/// All open orders. `symbol`: of this pair, as core::is_pair() says; empty: of all. Its answer may be
/// MaxOpenOrdersBytes long.
HttpRequest open_orders_request(Signer& signer, const std::string& symbol, int64_t stamp_ms);
/// Public: needs neither key nor permit.
HttpRequest server_time_request();

/// Accepted, UnknownOrder, Refused, Blocked, WrongRequest, Unauthorized, Throttled or Doubtful.
core::Answer read_cancel_reply(const HttpReply& reply);
/// Read, WrongRequest, Unauthorized, Throttled or Doubtful. A reading of an order other than `asked`, or with a status
/// that is not one of the four known, is Doubtful.
core::Answer read_query_reply(const HttpReply& reply, core::OrderId asked);
/// Read with a listing of one part, Refused (the exchange says 400), WrongRequest, Unauthorized, Throttled or Doubtful.
/// `symbol`: as it was asked for. An answer of which any part is not legible is Doubtful: what it leaves out would be
/// taken for gone.
core::Answer read_open_orders_reply(const HttpReply& reply, const std::string& symbol);
/// The exchange's clock: milliseconds since the Unix epoch, of the years 2000 to 2099.
absl::StatusOr<std::chrono::milliseconds> read_server_time(const HttpReply& reply);

/// Written, at least in part, and no complete response came: timeout, reset.
core::Answer no_response(std::string_view why);
/// No byte was written.
core::Answer never_written(std::string_view why);
/// Not sent, because its stamp was so far `behind` the exchange's clock, or ahead of it if that is negative.
core::Answer stale_stamp(std::chrono::milliseconds behind);

}  // namespace cancelbus::btcturk
