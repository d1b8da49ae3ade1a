// The control interface of the local exchange, exchange-sim: places orders that are there to be canceled.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "service/io/option_values.hpp"

namespace cancelbus::load {

/// The exchange's certificate must be of an authority in `ca_file`. The ids of `count` new orders; empty, and a
/// sentence in `error` that begins with a flag's name, if that failed.
std::vector<int64_t> place_orders(const io::Url& exchange, const std::string& ca_file, int64_t count,
                                  std::string& error);

}  // namespace cancelbus::load
