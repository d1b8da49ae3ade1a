// One connection to PostgreSQL.
#include "service/io/postgres.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "tests/unit/io/postgres_server.hpp"

namespace cancelbus::io {
namespace {

/// More than a busy machine takes for an answer.
constexpr std::chrono::seconds Silence{3};

class PostgresTest : public ::testing::Test {
 protected:
  void open(PgConnection& connection) {
    std::optional<absl::Status> opened;
    connection.open(postgres_uri(), [&](const absl::Status& status) { opened = status; });
    run_until([&] { return opened.has_value(); });
    ASSERT_TRUE(opened && opened->ok()) << *opened;
  }
  PgReply reply_to(PgConnection& connection, std::string_view sql) {
    std::optional<PgReply> reply;
    connection.run({{sql}}, [&](PgReply answer) { reply = std::move(answer); });
    run_until([&] { return reply.has_value(); });
    return reply.value_or(PgReply{absl::UnknownError("no reply")});
  }
  void run_until(const std::function<bool()>& done) {
    while (!done() && context_.run_one() > 0) {
    }
    context_.restart();
  }

  asio::io_context context_;
};

TEST_F(PostgresTest, AServerThatOwesAnAnswerAndIsSilentIsLost) {
  PgConnection connection(context_, Silence);
  ASSERT_NO_FATAL_FAILURE(open(connection));
  const PgReply known = reply_to(connection, "SELECT pg_backend_pid()::bigint");
  ASSERT_TRUE(known.status.ok()) << known.status;
  const auto backend = static_cast<pid_t>(known.row(0, 0).integer());
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);
  const PgReply reply = reply_to(connection, "SELECT 1::bigint");
  ::kill(backend, SIGCONT);
  EXPECT_EQ(reply.status.message(), "the server has fallen silent");
  EXPECT_TRUE(reply.sqlstate.empty()) << "so what came of the request is not known";
  EXPECT_FALSE(connection.is_open());
}

TEST_F(PostgresTest, AServerThatOwesNothingMayBeSilent) {
  PgConnection connection(context_, Silence);
  ASSERT_NO_FATAL_FAILURE(open(connection));
  ASSERT_TRUE(reply_to(connection, "SELECT 1::bigint").status.ok());
  bool waited = false;
  asio::steady_timer timer(context_, 2 * Silence);
  timer.async_wait([&](const boost::system::error_code&) { waited = true; });
  run_until([&] { return waited; });
  EXPECT_TRUE(connection.is_open());
}

}  // namespace
}  // namespace cancelbus::io
