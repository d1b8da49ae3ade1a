// A PostgreSQL for the tests of one program: started at the first use, ended with the program.
#pragma once

#include <functional>
#include <string>

namespace cancelbus::io {

/// Empty: PostgreSQL is not installed.
std::string postgres_uri();

/// As another program would; each row as texts, null where the value is.
void postgres_query(const char* sql, const std::function<void(char**, int)>& row);

}  // namespace cancelbus::io
