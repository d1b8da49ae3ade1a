#include "service/io/process.hpp"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

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

}  // namespace

absl::Status prepare_process() {
  block_signals();
  if (auto status = open_standard_descriptors(); !status.ok()) return status;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (auto status = forbid_core_dumps(); !status.ok()) return status;
  start_output();
  return absl::OkStatus();
}

}  // namespace cancelbus::io
