// A file that should hold a key: the services' reading of it against the C++ client's.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "cancelbus/curve.hpp"
#include "service/io/curve.hpp"
#include "service/io/secret_file.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

constexpr size_t MostBytes = 4096;

/// A file in memory, which its path leads to as to any other.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("key", MFD_CLOEXEC)) {
    require(fd_ >= 0 && ::fchmod(fd_, S_IRUSR | S_IWUSR) == 0, "a file can be made");
    require(::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()), "and written");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// `read`: what said so, to be asked again.
template <typename Read>
void require_discreet(const absl::Status& status, const std::string& path, std::string_view content, Read read) {
  const std::string why(status.message());
  require(is_shown_text(why) && why.starts_with("--flag=" + path),
          "the error is fit to be shown and names flag and file");
  if (content.size() < 16 || why.find(content) == std::string::npos) return;
  const MemoryFile other(with_other_letters(content));
  const std::string of_other(read(other.path()).status().message());
  const std::string prefix = "--flag=";
  require(of_other.substr(prefix.size() + other.path().size()) == why.substr(prefix.size() + path.size()),
          "the error does not quote the file");
}

bool read_secret(const std::string& path, std::string_view line) {
  const auto read = [](const std::string& from) {
    return io::read_secret_file("flag", from, io::OpenToOthers::Refused);
  };
  const auto secret = read(path);
  const bool is_word = !line.empty() && std::ranges::all_of(line, [](char c) { return c > ' ' && c <= '~'; });
  require(secret.ok() == (is_word && line.size() <= MostBytes), "a secret is one printable word of at most 4096 bytes");
  if (secret.ok()) require(secret->view() == line, "and is kept as it is");
  if (!secret.ok()) require_discreet(secret.status(), path, line, read);
  return secret.ok();
}

void read_own_key(const std::string& path, std::string_view line) {
  const auto read = [](const std::string& from) { return io::read_curve_key_file("flag", from); };
  const auto key = read(path);
  client::KeyPair theirs;
  require(client::read_key_file(path, theirs).empty() == key.ok(), "client and services take the same own keys");
  require(key.ok() == io::is_curve_key(line), "every key is one");
  if (!key.ok()) return require_discreet(key.status(), path, line, read);
  require(key->secret.view() == line && theirs.secret_key == line, "the secret key is kept as it is");
  require(key->public_key == theirs.public_key, "the public key follows from it");
  require(io::is_curve_key(key->public_key) && io::may_be_public(key->public_key), "and is one");
}

void read_bus_keys(const std::string& path, std::string_view text) {
  const auto read = [](const std::string& from) { return io::read_curve_public_file("flag", from); };
  const auto keys = read(path);
  std::vector<std::string> theirs;
  require(client::read_public_key_file(path, theirs).empty() == keys.ok(), "client and services take the same bus");
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view first = text.substr(0, end), second = text.substr(std::min(end + 1, text.size()));
  const auto is_public = [](std::string_view key) { return io::is_curve_key(key) && io::may_be_public(key); };
  const bool two = end < text.size();
  require(keys.ok() == (is_public(first) && (!two || is_public(second))), "a bus is known by one public key or two");
  if (!keys.ok()) return require_discreet(keys.status(), path, text, read);
  require(keys->front() == first && keys->size() == (two ? 2U : 1U), "the bus's keys are kept in their order");
  require(!two || keys->back() == second, "and as they are");
  require(theirs == *keys, "by both");
}

}  // namespace

bool key_file(std::string_view input) {
  const MemoryFile file(input);
  std::string_view line = input;
  if (line.ends_with('\n')) line.remove_suffix(1);
  read_own_key(file.path(), line);
  read_bus_keys(file.path(), line);
  return read_secret(file.path(), line);
}

std::vector<std::string> key_file_seeds() {
  // The first two are the published example of libzmq's documentation: a public key and a secret one.
  const std::string public_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
  const std::string secret_key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
  return {public_key + "\n",
          secret_key,
          public_key + "\n" + public_key + "\n",
          public_key + "\n" + secret_key + "\n",
          secret_key + "\n\n",
          secret_key + "\r\n",
          secret_key + "0",
          std::string(40, '#'),
          std::string(39, '0') + '\0',
          "c2VjcmV0LW9mLWEtdGVzdA==\n",
          "with blank",
          std::string(MostBytes, 'k') + "\n",
          std::string(MostBytes + 1, 'k'),
          "\n",
          ""};
}

}  // namespace cancelbus::fuzz
