// Standard output as a stream buffer that knows what became of what was written.
//
// Used by main(). A std::ostream on it fails once a write has failed, as at a full disk, or when its reader has gone;
// SIGPIPE must be ignored. Descriptor flags are left alone.
#pragma once

#include <array>
#include <atomic>
#include <streambuf>
#include <string_view>

namespace cancelbus::ctl {

class Output final : public std::streambuf {
 public:
  /// A reader that is slow is waited for, until `interrupted` is set: what it has no room for is then given up.
  explicit Output(const std::atomic<bool>& interrupted);

  /// Nothing that is written from now on would be read.
  bool unread() const;

  /// Writes what is left. Returns the exit code of a command that ended with `exit_code`: 1 instead of 0 if its output
  /// could not be written, and `why` then says why. That its reader has gone, or that it was interrupted, is no error.
  int finish(int exit_code, std::string_view& why);

 private:
  int_type overflow(int_type c) override;
  int sync() override;
  bool write_all(std::string_view bytes);
  bool wait_for_room() const;

  const std::atomic<bool>& interrupted_;
  std::array<char, 8192> buffer_;
  int error_ = 0;  ///< errno of the first write that failed; ECANCELED: given up
};

}  // namespace cancelbus::ctl
