#include "service/io/process.hpp"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "service/io/log.hpp"
#include "service/io/no_core_dump.hpp"
#include "service/io/output.hpp"
#include "service/io/signals.hpp"

namespace cancelbus::io {
namespace {

absl::Status open_standard_descriptors() {
  int opened = -1;
  do {
    opened = ::open("/dev/null", O_RDWR);  // the lowest number that is free
    if (opened < 0) return absl::UnavailableError(absl::StrCat("cannot open /dev/null: ", std::strerror(errno)));
  } while (opened <= STDERR_FILENO);
  ::close(opened);
  return absl::OkStatus();
}

absl::Status prepare() {
  block_signals();
  if (auto status = open_standard_descriptors(); !status.ok()) return status;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (auto status = forbid_core_dumps(); !status.ok()) return status;
  start_output();
  return absl::OkStatus();
}

}  // namespace

std::optional<int> start_process(const Program& program, int argc, const char* const* argv) {
  if (const auto status = prepare(); !status.ok()) return usage_error(program, std::string(status.message()));
  if (const auto leave = parse_flags(program, argc, argv)) return leave;
  if (const auto status = set_up_log(program.name); !status.ok()) {
    return usage_error(program, std::string(status.message()));
  }
  return std::nullopt;
}

}  // namespace cancelbus::io
