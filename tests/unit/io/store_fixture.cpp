#include "tests/unit/io/store_fixture.hpp"

#include <utility>

#ifdef STORE_ON_POSTGRES
#include "service/io/postgres_store.hpp"
#include "tests/unit/io/postgres_server.hpp"
#endif

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

std::vector<Engine> engines() {
#ifdef STORE_ON_POSTGRES
  return {Engine::OfPostgres};
#else
  return {Engine::OfSqlite};
#endif
}

#ifdef STORE_ON_POSTGRES

EachStore::EachStore() {
  options_.uri = postgres_uri();
  options_.full_sync = false;                // the server has no standby
  options_.lease = std::chrono::minutes(1);  // no renewal comes between two looks at it
  run("DROP SCHEMA IF EXISTS cancelbus CASCADE");
}

absl::StatusOr<std::unique_ptr<Store>> EachStore::opened() {
  LeaseClaim claim;
  if (select("SELECT to_regclass('cancelbus.lease') IS NOT NULL") == "t") {
    claim.term = std::stoull(select("SELECT term FROM lease"));
    claim.renewals = std::stoull(select("SELECT renewals FROM lease"));
  }
  return answered<absl::StatusOr<std::unique_ptr<Store>>>([&](auto done) {
    open_postgres_store(
        context_, options_, claim, [](const absl::Status&) {}, std::move(done));
  });
}

void EachStore::with_db(const char* sql, std::function<void(char**, int)> row) { postgres_query(sql, row); }

#else

EachStore::EachStore() = default;
absl::StatusOr<std::unique_ptr<Store>> EachStore::opened() { return StoreFixture::opened(); }
void EachStore::with_db(const char* sql, std::function<void(char**, int)> row) {
  StoreFixture::with_db(sql, std::move(row));
}

#endif

void on_write(std::function<void()> seen) {
  see_changes();
  seen_write = std::move(seen);
}

void die_at_change(int n) {
  changes_left = n;
  see_changes();
}

}  // namespace cancelbus::io
