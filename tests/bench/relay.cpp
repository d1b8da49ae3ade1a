// bench-relay: one of the three processes of the bare relay.
#include "tests/bench/relay.hpp"

#include <absl/flags/flag.h>
#include <absl/flags/parse.h>

ABSL_FLAG(std::string, role, "", "bus, worker or subscriber");
ABSL_FLAG(std::string, backend_endpoint, "", "of the relay's bus");
ABSL_FLAG(std::string, curve_key_file, "", "our secret CURVE key");
ABSL_FLAG(std::string, curve_server_key_file, "", "the public CURVE key of the relay's bus");
ABSL_FLAG(std::string, exchange_url, "", "of the worker https://ADDRESS:PORT, of the subscriber wss://ADDRESS:PORT");
ABSL_FLAG(std::string, ca_file, "", "PEM file with the authority of the exchange's certificate");
ABSL_FLAG(std::string, api_key_file, "", "file with the public API key");
ABSL_FLAG(std::string, api_secret_file, "", "file with its secret, in base64");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  namespace bench = cancelbus::bench;
  const bench::RelayOptions options{{absl::GetFlag(FLAGS_curve_key_file), absl::GetFlag(FLAGS_curve_server_key_file)},
                                    absl::GetFlag(FLAGS_backend_endpoint),
                                    absl::GetFlag(FLAGS_exchange_url),
                                    absl::GetFlag(FLAGS_ca_file),
                                    absl::GetFlag(FLAGS_api_key_file),
                                    absl::GetFlag(FLAGS_api_secret_file)};
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role == "bus") bench::relay_bus(options);
  if (role == "worker") bench::relay_worker(options);
  if (role == "subscriber") bench::relay_subscriber(options);
  bench::give_up("--role: expected bus, worker or subscriber");
}
