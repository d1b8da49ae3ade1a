#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

int changes_left = 0;

template <typename Result, typename... Arguments>
struct Change {
  static inline Result (*real)(Arguments...) = nullptr;

  static Result call(Arguments... arguments) {
    if (--changes_left == 0) ::_exit(DiedAtChange);
    return real(arguments...);
  }
};

// SQLite lets tests replace the system calls that it makes.
template <typename Call>
void replace(const char* name) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  Call::real = reinterpret_cast<decltype(Call::real)>(vfs->xGetSystemCall(vfs, name));
  const auto call = reinterpret_cast<sqlite3_syscall_ptr>(&Call::call);
  EXPECT_EQ(vfs->xSetSystemCall(vfs, name, call), SQLITE_OK) << name;
}

}  // namespace

void die_at_change(int n) {
  changes_left = n;
  replace<Change<ssize_t, int, const void*, size_t, off_t>>("pwrite");
  replace<Change<ssize_t, int, const void*, size_t, off64_t>>("pwrite64");
  replace<Change<int, int, off_t>>("ftruncate");
  replace<Change<int, const char*>>("unlink");
}

}  // namespace cancelbus::io
