// What goes into a statement of PostgreSQL and comes out of it, bound and read in order, as base::Statement does it for
// SQLite: store_rows.hpp describes each row once, for both.
//
// Everything travels in the binary format, so every number is a BIGINT.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pg_result;

namespace cancelbus::io {

class PgParameters {
 public:
  using Duration = std::chrono::nanoseconds;
  using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

  PgParameters& bind(int64_t value);
  PgParameters& bind(uint64_t value) { return bind(static_cast<int64_t>(value)); }
  PgParameters& bind(int value) { return bind(static_cast<int64_t>(value)); }
  PgParameters& bind(uint32_t value) { return bind(static_cast<int64_t>(value)); }
  /// Nothing but a bool: a literal is a text, and would become one.
  template <std::same_as<bool> Bool>
  PgParameters& bind(Bool value) {
    return flag(value);
  }
  /// A NUL, which PostgreSQL cannot keep in a text, becomes U+FFFD. Everything else must be UTF-8.
  PgParameters& bind(std::string_view text);
  PgParameters& bind(WallTime time) { return bind(int64_t{time.time_since_epoch().count()}); }
  PgParameters& bind(Duration duration) { return bind(int64_t{duration.count()}); }
  PgParameters& bind_blob(std::string_view bytes);
  PgParameters& bind_null();
  template <typename T>
  PgParameters& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  int size() const { return static_cast<int>(values_.size()); }
  const std::vector<std::optional<std::string>>& values() const { return values_; }

 private:
  PgParameters& flag(bool value);

  std::vector<std::optional<std::string>> values_;
};

/// One row of a result, which must outlive it.
class PgRow {
 public:
  using Duration = std::chrono::nanoseconds;
  using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

  PgRow(const pg_result* result, int row) : result_(result), row_(row) {}

  /// Columns in order of the calls; of NULL: 0, an empty text, false, nothing.
  int64_t integer() { return maybe_integer().value_or(0); }
  std::string text() { return std::string(next().value_or("")); }
  std::optional<WallTime> time();
  bool flag();
  std::optional<int64_t> maybe_integer();

 private:
  std::optional<std::string_view> next();

  const pg_result* result_;
  int row_;
  int column_ = 0;
};

}  // namespace cancelbus::io
