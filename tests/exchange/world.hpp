// What the parts of the model share: the agenda, chance, the faults, the counters and the outputs. Exchange owns the
// one instance; Market, RestApi and Streams hold a reference.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "tests/exchange/agenda.hpp"
#include "tests/exchange/arrivals.hpp"
#include "tests/exchange/auth.hpp"
#include "tests/exchange/counters.hpp"
#include "tests/exchange/faults.hpp"
#include "tests/exchange/guesses.hpp"
#include "tests/exchange/http.hpp"
#include "tests/exchange/random.hpp"
#include "tests/exchange/windows.hpp"

namespace exchange_sim {

using RequestId = std::uint64_t;  // both chosen by the edge, never used twice
using StreamId = std::uint64_t;

struct Reply {
  RequestId request;
  HttpAnswer answer;
};
struct ResetConnection {
  RequestId request;
};
struct SendFrame {
  StreamId stream;
  std::string text;
};
struct SendPing {
  StreamId stream;
};
// From now on nothing leaves on this stream, pongs neither, and it stays open.
struct SilenceStream {
  StreamId stream;
};
enum class Ending { CloseFrame, NoFrame, Reset };
struct EndStream {
  StreamId stream;
  Ending how;
};
using Output = std::variant<Reply, ResetConnection, SendFrame, SendPing, SilenceStream, EndStream>;

struct Settings {
  std::vector<KeyPair> keys;
  WindowKind window = WindowKind::First;
  std::vector<Limit> cancel_limits{{10, std::chrono::seconds{1}}, {300, std::chrono::seconds{60}}};
  std::vector<Limit> place_limits{{10, std::chrono::seconds{1}}, {300, std::chrono::seconds{60}}};
  std::vector<Limit> query_limits{{30, std::chrono::seconds{1}}, {900, std::chrono::seconds{60}}};
  std::vector<Limit> open_orders_limits{{300, std::chrono::seconds{60}}};
  std::vector<Limit> connect_limits{{15, std::chrono::seconds{60}}};
  Micros deleted_delay = Millis{20};  // from a cancel's 200 to the order's end and its 452
  Micros read_lag = Millis{5};        // how far REST is behind the stream
  Micros ping_interval = Millis{5000};
  std::int64_t most_unauthorized = 50;  // in a row from one address, then it is blocked; 0: never
  bool login_window = true;             // whether a login's nonce bounds the age of its timestamp
  std::int64_t first_id = 26'947'521'557;
  std::size_t max_orders = 200'000;
  std::uint64_t seed = 1;
  Guesses guesses;
};

struct World {
  explicit World(Settings given) : settings(std::move(given)), random(settings.seed) {}

  Settings settings;
  Random random;
  Agenda agenda;
  FaultSet faults;
  Counters counters;
  ArrivalLog arrivals;
  std::vector<Output> outputs;

  // The time as the exchange believes it; windows and delays go by the true one.
  Instant clock(Instant now) const { return now + faults.clock_offset(); }
};

}  // namespace exchange_sim
