// exchange-sim: reads its flags, opens its two listeners, says where they are, and serves until it is told to stop.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/exchange/exchange.hpp"
#include "tests/exchange/listener.hpp"
#include "tests/exchange/options.hpp"
#include "tests/exchange/rest_server.hpp"
#include "tests/exchange/shell.hpp"
#include "tests/exchange/stream_server.hpp"

namespace exchange_sim {
namespace {

namespace asio = boost::asio;

absl::Status load_tls(asio::ssl::context& tls, const Options& options) {
  boost::system::error_code error;
  tls.use_certificate_chain_file(options.cert_file, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("--cert_file: ", error.message()));
  tls.use_private_key_file(options.key_file, asio::ssl::context::pem, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("--key_file: ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<asio::ip::tcp::endpoint> endpoint(const char* flag, const std::string& address) {
  auto parsed = parse_address(address);
  if (!parsed.ok()) return absl::InvalidArgumentError(absl::StrCat(flag, ": ", parsed.status().message()));
  return parsed;
}

absl::Status set_faults(Exchange& exchange, const std::string& text) {
  boost::system::error_code error;
  const auto faults = boost::json::parse(text, error);
  if (error) return absl::InvalidArgumentError("--faults: not JSON");
  if (auto status = exchange.set_faults(faults); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--faults: ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status run(Options options) {
  // A new run must not hand out ids that an earlier one used: clients remember what became of them.
  options.settings.first_id = unix_ms(std::chrono::floor<Micros>(std::chrono::system_clock::now()));
  Exchange exchange(options.settings);
  if (auto status = set_faults(exchange, options.faults_json); !status.ok()) return status;
  asio::ssl::context tls(asio::ssl::context::tls_server);
  if (auto status = load_tls(tls, options); !status.ok()) return status;
  const auto rest_endpoint = endpoint("--rest_address", options.rest_address);
  if (!rest_endpoint.ok()) return rest_endpoint.status();
  const auto stream_endpoint = endpoint("--stream_address", options.stream_address);
  if (!stream_endpoint.ok()) return stream_endpoint.status();

  asio::io_context io(1);
  Listener rest_listener(io);
  Listener stream_listener(io);
  if (auto status = rest_listener.open(*rest_endpoint); !status.ok()) return status;
  if (auto status = stream_listener.open(*stream_endpoint); !status.ok()) return status;

  Shell shell(io, exchange);
  const auto rest = serve_rest(tls, rest_listener, shell);
  const auto stream = serve_stream(tls, stream_listener, shell);
  shell.attach(*rest, *stream);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&io](boost::system::error_code, int) { io.stop(); });

  std::cout << "rest https://" << to_text(rest_listener.endpoint()) << "\nstream wss://"
            << to_text(stream_listener.endpoint()) << "\nready" << std::endl;
  io.run();
  return absl::OkStatus();
}

}  // namespace
}  // namespace exchange_sim

int main(int argc, char** argv) {
  auto options = exchange_sim::read_options(argc, argv);
  if (options.ok() && options->help) {
    std::cout << exchange_sim::help_text();
    return 0;
  }
  if (options.ok() && options->version) {
    std::cout << "exchange-sim " CANCELBUS_VERSION "\n";
    return 0;
  }
  const absl::Status status = options.ok() ? exchange_sim::run(*std::move(options)) : options.status();
  if (status.ok()) return 0;
  std::cerr << "exchange-sim: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? 2 : 1;
}
