// What every process tells Prometheus of itself, under the names that Prometheus's own libraries use.
#pragma once

#include <string>

namespace cancelbus::io {

/// Start, processor time and memory of this process and its version, in Prometheus's exposition format.
std::string process_metrics();

}  // namespace cancelbus::io
