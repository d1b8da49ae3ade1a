#include "tests/unit/io/store_fixture.hpp"

#include <utility>

namespace cancelbus::io {
namespace {

int changes_left = -1;  ///< below 0: without end
std::function<void()> seen_write;

template <typename Result, typename... Arguments>
struct Change {
  static inline Result (*real)(Arguments...) = nullptr;

  static Result call(Arguments... arguments) {
    if (changes_left > 0 && --changes_left == 0) ::_exit(DiedAtChange);
    if (seen_write) seen_write();
    return real(arguments...);
  }
};

// SQLite lets tests replace the system calls that it makes.
template <typename Call>
void replace(const char* name) {
  if (Call::real != nullptr) return;
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  Call::real = reinterpret_cast<decltype(Call::real)>(vfs->xGetSystemCall(vfs, name));
  const auto call = reinterpret_cast<sqlite3_syscall_ptr>(&Call::call);
  EXPECT_EQ(vfs->xSetSystemCall(vfs, name, call), SQLITE_OK) << name;
}

void see_changes() {
  replace<Change<ssize_t, int, const void*, size_t, off64_t>>("pwrite64");
  replace<Change<int, int, off_t>>("ftruncate");
  replace<Change<int, const char*>>("unlink");
}

}  // namespace

void on_write(std::function<void()> seen) {
  see_changes();
  seen_write = std::move(seen);
}

void die_at_change(int n) {
  changes_left = n;
  see_changes();
}

}  // namespace cancelbus::io
