#include "service/bus/policy_file.hpp"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "service/io/descriptors.hpp"
#include "service/io/option_values.hpp"

namespace cancelbus::bus {

absl::StatusOr<Policy> PolicyFile::read() {
  file_.is_read_now();
  const auto bad = [this](std::string_view why) { return io::bad_flag("policy_file", file_.path(), why); };
  // What is judged is what is read, whatever the path leads to a moment later. A pipe is not waited for.
  const io::Descriptor file(::open(file_.path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (file.number < 0 || ::fstat(file.number, &info) != 0) return bad(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return bad("not a regular file");
  if ((info.st_mode & S_IWOTH) != 0) return bad("everybody may write it: chmod o-w it, for it says who may cancel");
  std::string text(Policy::MaxBytes + 1, '\0');
  const ssize_t used = io::read_whole(file, text);
  if (used < 0) return bad(std::strerror(errno));
  text.resize(static_cast<size_t>(used));
  auto policy = Policy::parse(text);
  if (!policy.ok()) return bad(std::string(policy.status().message()));
  return policy;
}

}  // namespace cancelbus::bus
