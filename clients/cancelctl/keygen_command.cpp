#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cancelbus/curve.hpp"
#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

// The error, or empty if the key was written. O_EXCL: never overwrite an existing key, never follow a symbolic link.
std::string write_new(const std::string& path, mode_t mode, const std::string& key) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return path + ": " + std::strerror(errno);
  const std::string line = key + "\n";
  const bool written =
      ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  if (written) return {};
  ::unlink(path.c_str());
  return path + ": " + std::strerror(error);
}

}  // namespace

int run_keygen(const Arguments& arguments, Console& console) {
  const std::string path = arguments.out_folder + "/" + arguments.key_name;
  const client::KeyPair keys = client::make_key_pair();
  std::string complaint = write_new(path + ".key", 0600, keys.secret_key);
  if (complaint.empty()) {
    complaint = write_new(path + ".pub", 0644, keys.public_key);
    if (!complaint.empty()) ::unlink((path + ".key").c_str());
  }
  if (!complaint.empty()) {
    console.err << "cancelctl: " << complaint << std::endl;
    return ExitFailed;
  }
  console.err << "cancelctl: wrote " << path << ".key, which is secret, and " << path
              << ".pub; for the bus's policy file, with the role that it is to have (strategy, observer, worker, "
                 "subscriber or operator):"
              << std::endl;
  if (arguments.json) {
    console.out << JsonLine("key_pair", wall_now())
                       .add("name", arguments.key_name)
                       .add("public_key", keys.public_key)
                       .add("key_file", path + ".key")
                       .add("public_key_file", path + ".pub")
                       .str()
                << std::flush;
  } else {
    console.out << "strategy " << arguments.key_name << " " << keys.public_key << std::endl;
  }
  return ExitProven;
}

}  // namespace cancelbus::ctl
