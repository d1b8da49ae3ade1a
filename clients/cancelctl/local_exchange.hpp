// The control interface of the local exchange, exchange-sim: places orders that are there to be canceled.
//
// Used by the load command. Speaks HTTPS to this machine only: whoever names another has mistaken a real exchange, or a
// bus that cancels at one, for the local one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cancelbus::ctl {

/// Whether an endpoint (tcp://HOST:PORT, ipc://PATH) or an https URL is on this machine.
bool is_loopback(std::string_view address);

/// `url` as https://127.0.0.1:8443; its certificate must be of an authority in `ca_file`. The ids of `count` new
/// orders; empty and a sentence in `error` if that failed.
std::vector<int64_t> place_orders(const std::string& url, const std::string& ca_file, int64_t count,
                                  std::string& error);

}  // namespace cancelbus::ctl
