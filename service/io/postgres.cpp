#include "service/io/postgres.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <utility>

namespace cancelbus::io {

namespace {

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

/// How libpq is told where and how to connect: one host, by the names of its options.
using Target = std::map<std::string, std::string>;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) c == ',' ? (void)parts.emplace_back() : parts.back().push_back(c);
  return parts;
}

/// One for each host of the URI. libpq would try them by itself, but a host that answers nothing holds it up for
/// minutes: its connect_timeout counts only where it may block.
std::deque<Target> targets_of(const std::string& uri) {
  Target all{{"application_name", "cancel-bus"}, {"client_encoding", "UTF8"},   {"keepalives_idle", "5"},
             {"keepalives_interval", "5"},       {"tcp_user_timeout", "10000"}, {"target_session_attrs", "read-write"}};
  PQconninfoOption* const options = PQconninfoParse(uri.c_str(), nullptr);
  for (const PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o) {
    if (o->val != nullptr) all[o->keyword] = o->val;
  }
  PQconninfoFree(options);
  size_t hosts = 1;
  for (const char* const name : {"host", "hostaddr"}) {
    if (all.contains(name)) hosts = std::max(hosts, split(all[name]).size());
  }
  std::deque<Target> targets(hosts, all);
  for (const char* const name : {"host", "hostaddr", "port"}) {
    if (!all.contains(name)) continue;
    const auto each = split(all[name]);
    for (size_t i = 0; i < hosts; ++i) targets[i][name] = each.size() == 1 ? each[0] : i < each.size() ? each[i] : "";
  }
  return targets;
}

constexpr int Binary = 1;
constexpr std::chrono::seconds ConnectTimeout{2};
constexpr int OldestServer = 140'000;

}  // namespace

int PgReply::rows(size_t statement) const { return PQntuples(results[statement].get()); }

struct PgConnection::State : std::enable_shared_from_this<State> {
  struct Pending {
    size_t statements;
    Done done;
    PgReply reply = {};
  };

  State(asio::io_context& context, std::chrono::nanoseconds most_silence)
      : socket(context), timer(context), silence_timer(context), silence(most_silence) {}
  ~State() { drop(); }

  // libpq owns the socket, and opens another one when it tries another host: asio must forget it before libpq acts.
  void forget_socket() {
    if (socket.is_open()) socket.release();
  }
  void watch_socket() {
    const int descriptor = PQsocket(connection);
    if (descriptor >= 0 && !socket.is_open()) socket.assign(descriptor);
  }
  void drop() {
    forget_socket();
    if (connection != nullptr) PQfinish(std::exchange(connection, nullptr));
  }

  // A wait for a socket of before is canceled when asio forgets that socket.
  void wait(asio::posix::stream_descriptor::wait_type what, void (State::*then)()) {
    socket.async_wait(what, [self = shared_from_this(), then](const boost::system::error_code& error) {
      // After close() a wait that was due comes all the same.
      if (!error && self->connection != nullptr) ((*self).*then)();
    });
  }

  /// To the next of the hosts.
  void connect() {
    const Target target = std::move(targets.front());
    targets.pop_front();
    std::vector<const char*> keys, values;
    for (const auto& [key, value] : target) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    connection = PQconnectStartParams(keys.data(), values.data(), 0);
    const auto given = target.find("connect_timeout");
    const int seconds = given == target.end() ? 0 : std::atoi(given->second.c_str());
    timer.expires_after(seconds > 0 ? std::chrono::seconds(seconds) : ConnectTimeout);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->connection != nullptr && !self->is_open) self->not_connected("no answer in time");
    });
    if (PQstatus(connection) == CONNECTION_BAD) return not_connected(error_text());
    watch_socket();
    wait(asio::posix::stream_descriptor::wait_write, &State::connect_step);
  }

  void not_connected(const std::string& why) {
    if (targets.empty()) return fail(absl::UnavailableError(why));
    drop();
    connect();
  }

  void connect_step() {
    forget_socket();
    const PostgresPollingStatusType now_waits = PQconnectPoll(connection);
    if (now_waits == PGRES_POLLING_OK) return connected();
    if (now_waits == PGRES_POLLING_FAILED) return not_connected(error_text());
    watch_socket();
    using Descriptor = asio::posix::stream_descriptor;
    wait(now_waits == PGRES_POLLING_READING ? Descriptor::wait_read : Descriptor::wait_write, &State::connect_step);
  }

  void connected() {
    timer.cancel();
    watch_socket();
    PQsetnonblocking(connection, 1);
    PQenterPipelineMode(connection);
    PQsetNoticeReceiver(connection, &State::noticed, this);
    if (PQserverVersion(connection) < OldestServer) {
      return fail(absl::FailedPreconditionError("the server is older than PostgreSQL 14"));
    }
    const char* const encoding = PQparameterStatus(connection, "server_encoding");
    if (encoding == nullptr || std::string_view(encoding) != "UTF8") {
      return fail(absl::FailedPreconditionError("the database's encoding is not UTF8"));
    }
    is_open = true;
    read_later();
    std::exchange(opened, nullptr)(absl::OkStatus());
  }

  static void noticed(void* to, const PGresult* notice) {
    const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    static_cast<State*>(to)->warned |= severity != nullptr && std::string_view(severity) == "WARNING";
  }

  // One timer for many requests: it looks whether anything was heard since, and most of the time something was.
  void watch_silence() {
    if (!std::exchange(watches_silence, true)) look_for_silence();
  }
  void look_for_silence() {
    silence_timer.expires_at(heard + silence);
    silence_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->connection == nullptr) return;
      if (self->pending.empty()) {
        self->watches_silence = false;
      } else if (std::chrono::steady_clock::now() >= self->heard + self->silence) {
        self->fail(absl::UnavailableError("the server has fallen silent"));
      } else {
        self->look_for_silence();
      }
    });
  }

  void read_later() { wait(asio::posix::stream_descriptor::wait_read, &State::readable); }
  void readable() {
    heard = std::chrono::steady_clock::now();
    if (PQconsumeInput(connection) == 0) return fail(absl::UnavailableError(error_text()));
    flush();
    if (connection != nullptr) take_results();
    if (connection != nullptr) read_later();
  }
  void writable() {
    flushing = false;
    flush();
  }
  void flush() {
    const int left = PQflush(connection);
    if (left < 0) return fail(absl::UnavailableError(error_text()));
    if (left > 0 && !std::exchange(flushing, true)) {
      wait(asio::posix::stream_descriptor::wait_write, &State::writable);
    }
  }

  // Of each statement come its result and a null, and after all of them that of the Sync.
  void take_results() {
    while (connection != nullptr && !pending.empty() && PQisBusy(connection) == 0) {
      PGresult* const raw = PQgetResult(connection);
      if (raw == nullptr) {
        // Between two statements; where nothing more has arrived, the next call would wait for it.
        if (std::exchange(at_null, true)) return;
        continue;
      }
      at_null = false;
      take(std::shared_ptr<const PGresult>(raw, [](const PGresult* r) { PQclear(const_cast<PGresult*>(r)); }));
    }
  }

  void take(std::shared_ptr<const PGresult> result) {
    PgReply& reply = pending.front().reply;
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC: {
        Pending done = std::move(pending.front());
        pending.pop_front();
        done.reply.warned = std::exchange(warned, false);
        return done.done(std::move(done.reply));
      }
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        reply.results.push_back(std::move(result));
        return;
      case PGRES_PIPELINE_ABORTED:
        return;
      default:
        if (!reply.status.ok()) return;
        const char* code = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
        reply.sqlstate = code != nullptr ? code : "";
        reply.status = absl::UnavailableError(one_line(PQresultErrorMessage(result.get())));
    }
  }

  bool send(const PgStatement& statement) {
    const auto& values = statement.parameters.values();
    std::vector<const char*> texts;
    std::vector<int> lengths, formats(values.size(), Binary);
    for (const auto& value : values) {
      texts.push_back(value ? value->data() : nullptr);
      lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    }
    const int count = statement.parameters.size();
    if (const auto known = prepared.find(statement.sql); known != prepared.end()) {
      return PQsendQueryPrepared(connection, known->second.c_str(), count, texts.data(), lengths.data(), formats.data(),
                                 Binary) == 1;
    }
    return PQsendQueryParams(connection, std::string(statement.sql).c_str(), count, nullptr, texts.data(),
                             lengths.data(), formats.data(), Binary) == 1;
  }

  bool usable(Done& done) {
    if (connection != nullptr && is_open) return true;
    asio::post(socket.get_executor(), [self = shared_from_this(), done = std::move(done)] {
      if (!self->dead) done({absl::UnavailableError("not connected")});
    });
    return false;
  }
  void sent(bool all, size_t statements, Done done) {
    if (pending.empty()) heard = std::chrono::steady_clock::now();
    pending.push_back({statements, std::move(done)});
    watch_silence();
    if (!all || PQpipelineSync(connection) == 0) return fail_later(absl::UnavailableError(error_text()));
    if (PQflush(connection) < 0) return fail_later(absl::UnavailableError(error_text()));
    flush();
  }

  std::string error_text() const { return one_line(PQerrorMessage(connection)); }
  void fail_later(const absl::Status& why) {
    asio::post(socket.get_executor(), [self = shared_from_this(), why] { self->fail(why); });
  }
  void fail(const absl::Status& why) {
    if (connection == nullptr) return;
    is_open = false;
    drop();
    auto lost = std::exchange(pending, {});
    if (const auto told = std::exchange(opened, nullptr)) told(why);
    for (Pending& each : lost) each.done({why});
  }

  asio::posix::stream_descriptor socket;
  asio::steady_timer timer;
  asio::steady_timer silence_timer;
  const std::chrono::nanoseconds silence;
  std::chrono::steady_clock::time_point heard;  ///< or since when it owes an answer
  bool watches_silence = false;
  std::deque<Target> targets;
  PGconn* connection = nullptr;
  std::function<void(absl::Status)> opened;
  bool is_open = false;
  bool dead = false;  ///< its owner is gone: nothing is called back
  bool flushing = false;
  bool warned = false;
  bool at_null = false;
  std::deque<Pending> pending;
  std::map<std::string, std::string, std::less<>> prepared;
};

PgConnection::PgConnection(asio::io_context& context, std::chrono::nanoseconds silence)
    : state_(std::make_shared<State>(context, silence)) {}

PgConnection::~PgConnection() {
  state_->dead = true;
  state_->timer.cancel();
  state_->silence_timer.cancel();
  state_->opened = nullptr;
  state_->pending.clear();
  state_->drop();
}

void PgConnection::open(const std::string& uri, std::function<void(absl::Status)> done) {
  State& state = *state_;
  state.opened = std::move(done);
  state.targets = targets_of(uri);
  asio::post(state.socket.get_executor(), [self = state_] {
    if (!self->dead) self->connect();
  });
}

bool PgConnection::is_open() const { return state_->is_open; }

void PgConnection::prepare(const std::vector<std::string>& statements, Done done) {
  State& state = *state_;
  if (!state.usable(done)) return;
  bool sent = true;
  for (const std::string& sql : statements) {
    const std::string name = "s" + std::to_string(state.prepared.size());
    if (!state.prepared.emplace(sql, name).second) continue;
    sent = sent && PQsendPrepare(state.connection, name.c_str(), sql.c_str(), 0, nullptr) == 1;
  }
  state.sent(sent, statements.size(), std::move(done));
}

void PgConnection::run(const PgRequest& request, Done done) {
  State& state = *state_;
  if (!state.usable(done)) return;
  bool sent = true;
  for (const PgStatement& statement : request) sent = sent && state.send(statement);
  state.sent(sent, request.size(), std::move(done));
}

void PgConnection::close(const absl::Status& why) { state_->fail_later(why); }

std::string postgres_uri_error(const std::string& uri) {
  char* why = nullptr;
  PQconninfoOption* const options = PQconninfoParse(uri.c_str(), &why);
  // What libpq quotes may be the password.
  std::string error = why != nullptr ? one_line(why) : options == nullptr ? "out of memory" : "";
  error = error.substr(0, error.find('"'));
  PQfreemem(why);
  PQconninfoFree(options);
  return error;
}

std::string postgres_uri_text(const std::string& uri) {
  PQconninfoOption* const options = PQconninfoParse(uri.c_str(), nullptr);
  std::string hosts, database;
  for (const PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o) {
    if (o->val == nullptr) continue;
    if (std::string_view(o->keyword) == "host") hosts = o->val;
    if (std::string_view(o->keyword) == "dbname") database = o->val;
  }
  PQconninfoFree(options);
  return "postgresql://" + hosts + "/" + database;
}

}  // namespace cancelbus::io
