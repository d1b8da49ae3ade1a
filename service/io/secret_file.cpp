#include "service/io/secret_file.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"

namespace cancelbus::io {
namespace {

constexpr size_t MaxBytes = 4096;
/// The group may read: so Kubernetes mounts secrets for a pod's own group.
constexpr mode_t Open = S_IWGRP | S_IXGRP | S_IRWXO;

absl::Status failure(std::string_view flag, const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat("--%s=%s: %s", std::string(flag), path, std::string(why)));
}

// The buffer has its full size from the start: growing would leave copies behind.
absl::StatusOr<Secret> read_all(const Descriptor& file, std::string_view flag, const std::string& path) {
  Secret secret(std::string(MaxBytes + 1, '\0'));
  const std::span<char> room = secret.room();
  const ssize_t read = read_whole(file, room);
  if (read < 0) return failure(flag, path, std::strerror(errno));
  const auto used = static_cast<size_t>(read);
  secret.cut(used > 0 && room[used - 1] == '\n' ? used - 1 : used);
  return secret;
}

}  // namespace

Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  text_ = std::move(other.text_);
  other.wipe();
  return *this;
}

void Secret::cut(size_t size) {
  OPENSSL_cleanse(text_.data() + size, text_.size() - size);
  text_.resize(size);
}

void Secret::wipe() noexcept {
  // A short text lives inside the string object, so the whole capacity is wiped, not only what size() still covers.
  text_.resize(text_.capacity());
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

absl::StatusOr<Secret> read_secret_file(std::string_view flag, const std::string& path, OpenToOthers others) {
  if (path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--%s is missing: expected the path of a file that holds it", std::string(flag)));
  }
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number < 0) return failure(flag, path, std::strerror(errno));
  struct stat info {};
  if (::fstat(file.number, &info) != 0) return failure(flag, path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return failure(flag, path, "not a regular file");
  if ((info.st_mode & (others == OpenToOthers::Refused ? Open : S_IWOTH)) != 0) {
    return failure(flag, path,
                   absl::StrFormat("the file is open to others than its owner (mode %04o): chmod 600 %s",
                                   info.st_mode & 07777, path));
  }
  auto secret = read_all(file, flag, path);
  if (!secret.ok()) return secret;
  const std::string_view text = secret->view();
  if (text.empty()) return failure(flag, path, "the file is empty");
  if (text.size() > MaxBytes) return failure(flag, path, "the file is larger than 4096 bytes");
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; })) {
    return failure(flag, path, "the file holds a space, a second line or a character that is not printable ASCII");
  }
  if ((info.st_mode & S_IROTH) != 0) log_warn("secret_file_open_to_others", {{"flag", flag}, {"file", path}});
  return secret;
}

}  // namespace cancelbus::io
