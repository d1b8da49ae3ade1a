#include "service/io/process_metrics.hpp"

#include <absl/strings/str_format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "service/io/output.hpp"

namespace cancelbus::io {

namespace {

// Before main(): near enough to the start.
const double Started = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double resident_bytes() {
  long pages = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::string metric(const char* name, const char* type, const char* help, const char* labels, double value) {
  return absl::StrFormat("# HELP %s %s\n# TYPE %s %s\n%s%s %.17g\n", name, help, name, type, name, labels, value);
}

}  // namespace

std::string process_metrics() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return metric("process_start_time_seconds", "gauge", "When the process started, since the Unix epoch", "", Started) +
         metric("process_cpu_seconds_total", "counter", "Processor time, of user and system", "",
                seconds(usage.ru_utime) + seconds(usage.ru_stime)) +
         metric("process_resident_memory_bytes", "gauge", "Memory in use", "", resident_bytes()) +
         metric("cancelbus_log_lines_dropped_total", "counter",
                "Log lines that were lost because the reader of stderr or stdout stalled or has gone", "",
                static_cast<double>(lines_dropped())) +
         metric("cancelbus_build_info", "gauge", "1", "{version=\"" CANCELBUS_VERSION "\"}", 1);
}

}  // namespace cancelbus::io
