#include "service/bus/policy_file.hpp"

#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "service/io/option_values.hpp"

namespace cancelbus::bus {

absl::StatusOr<Policy> read_policy_file(const std::string& path) {
  const auto bad = [&path](std::string_view why) { return io::bad_flag("policy_file", path, why); };
  std::ifstream file(path, std::ios::binary);
  struct stat info {};
  if (!file || ::stat(path.c_str(), &info) != 0) return bad(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return bad("not a regular file");
  if ((info.st_mode & S_IWOTH) != 0) return bad("everybody may write it: chmod o-w it, for it says who may cancel");
  std::string text(Policy::MaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return bad(std::strerror(errno));
  text.resize(static_cast<size_t>(file.gcount()));
  auto policy = Policy::parse(text);
  if (!policy.ok()) return bad(std::string(policy.status().message()));
  return policy;
}

}  // namespace cancelbus::bus
