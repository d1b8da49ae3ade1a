#include "tests/unit/io/postgres_server.hpp"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace cancelbus::io {
namespace {

/// tests/integration/postgres.py, which ends when its standard input does.
class Server {
 public:
  Server() {
    int in[2], out[2];
    if (::pipe(in) != 0 || ::pipe(out) != 0) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      for (const int descriptor : {in[0], in[1], out[0], out[1]}) ::close(descriptor);
      ::execl(PYTHON, PYTHON, POSTGRES_PY, nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    char c = 0;
    while (::read(out[0], &c, 1) == 1 && c != '\n') uri_ += c;
    ::close(out[0]);
  }
  ~Server() {
    ::close(input_);
    ::waitpid(child_, nullptr, 0);
  }
  const std::string& uri() const { return uri_; }

 private:
  pid_t child_ = -1;
  int input_ = -1;
  std::string uri_;
};

}  // namespace

std::string postgres_uri() {
  static const Server server;
  return server.uri();
}

void postgres_query(const char* sql, const std::function<void(char**, int)>& row) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(postgres_uri().c_str()), &PQfinish);
  PQclear(PQexec(connection.get(), "SET search_path TO cancelbus; SET client_min_messages TO error"));
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) << PQerrorMessage(connection.get()) << sql;
  for (int i = 0; i < PQntuples(result.get()); ++i) {
    std::vector<char*> columns;
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      columns.push_back(PQgetisnull(result.get(), i, column) ? nullptr : PQgetvalue(result.get(), i, column));
    }
    row(columns.data(), static_cast<int>(columns.size()));
  }
}

}  // namespace cancelbus::io
