#include "service/io/postgres_values.hpp"

#include <libpq-fe.h>

#include "service/core/check.hpp"

namespace cancelbus::io {

PgParameters& PgParameters::bind(int64_t value) {
  auto bits = static_cast<uint64_t>(value);
  std::string bytes(8, '\0');
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, bits >>= 8) *byte = static_cast<char>(bits & 0xFF);
  return bind_blob(bytes);
}

PgParameters& PgParameters::flag(bool value) { return bind_blob(std::string_view(value ? "\1" : "\0", 1)); }

PgParameters& PgParameters::bind(std::string_view text) {
  std::string& value = values_.emplace_back(std::in_place).value();
  value.reserve(text.size());
  for (const char c : text) c == '\0' ? value.append("\xEF\xBF\xBD") : value.append(1, c);
  return *this;
}

PgParameters& PgParameters::bind_blob(std::string_view bytes) {
  values_.emplace_back(bytes);
  return *this;
}

PgParameters& PgParameters::bind_null() {
  values_.emplace_back(std::nullopt);
  return *this;
}

std::optional<std::string_view> PgRow::next() {
  const int column = column_++;
  if (PQgetisnull(result_, row_, column) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result_, row_, column), static_cast<size_t>(PQgetlength(result_, row_, column)));
}

std::optional<int64_t> PgRow::maybe_integer() {
  const auto bytes = next();
  if (!bytes) return std::nullopt;
  CANCELBUS_CHECK(bytes->size() == 8);  // BIGINT: our own statements on our own schema
  uint64_t bits = 0;
  for (const char byte : *bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(bits);
}

bool PgRow::flag() {
  const auto bytes = next();
  return bytes && !bytes->empty() && bytes->front() != '\0';
}

std::optional<PgRow::WallTime> PgRow::time() {
  const auto value = maybe_integer();
  if (!value) return std::nullopt;
  return WallTime(Duration(*value));
}

}  // namespace cancelbus::io
