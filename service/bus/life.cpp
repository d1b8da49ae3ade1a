#include "service/bus/life.hpp"

#include <absl/strings/str_cat.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "service/bus/shell.hpp"
#include "service/bus/standby.hpp"
#include "service/io/log.hpp"
#include "service/io/output.hpp"
#include "service/io/postgres_store.hpp"
#include "service/io/signals.hpp"
#include "service/io/store.hpp"

namespace cancelbus::bus {

namespace {

/// What one round leaves to the next.
struct Past {
  bool ready = false;      ///< others have been told where this bus listens
  bool distrusts = false;  ///< commits of this bus are not in the store any more
};

/// From the start, or from the loss of the lease, until the bus leads no more or ends. Each round has a loop of its
/// own, so that nothing of one reaches into the next.
class Round {
 public:
  Round(Options& options, Past& past)
      : options_(options), past_(past), signals_(context_), reload_(context_, [this] { reload(); }) {}

  /// The exit code; absent: the bus led, and leads no more.
  std::optional<int> run() {
    signals_.on_stop([this] { stop(); });
    if (options_.store.uri.empty()) {
      lead_alone();
    } else {
      follow();
    }
    if (!done_) context_.run();
    return exit_code_;
  }

 private:
  void end(std::optional<int> exit_code) {
    exit_code_ = exit_code;
    done_ = true;
    context_.stop();
  }
  void refuse(const char* flag, const absl::Status& status) {
    io::complain(absl::StrCat("cancel-bus: ", flag, std::string(status.message()), "\n"));
    end(past_.ready ? 3 : 2);
  }
  void say_ready(const std::string& endpoints) {
    if (!std::exchange(past_.ready, true)) io::print(endpoints + "ready\n");
  }

  /// Policy and key as their files hold them now: libzmq lets a peer whose key was refused once never try again.
  void read_files() {
    if (!options_.policy) return;
    auto policy = options_.policy_file.read();
    if (policy.ok()) {
      options_.policy = *std::move(policy);
    } else {
      io::log_error("policy_refused",
                    {{"why", std::string(policy.status().message())}, {"in_force", "the one that was"}});
    }
    options_.curve_key_file.is_read_now();
    auto key = io::read_curve_key_file("curve_key_file", options_.curve_key_file.path());
    if (key.ok()) {
      options_.curve_key = *std::move(key);
    } else {
      io::log_error("curve_key_refused",
                    {{"why", std::string(key.status().message())}, {"in_force", "the one that was"}});
    }
  }

  // ---- Following ----

  void follow() {
    read_files();
    standby_.emplace(context_, options_,
                     io::PostgresWatch::Handlers{.free = [this](io::LeaseClaim claim) { this->claim(claim); },
                                                 .follows = [this] { follows(); },
                                                 .failed = [this](const absl::Status& why) { failed(why); }});
    if (const auto status = standby_->open(); !status.ok()) return refuse("", status);
    options_.monitor_address.port = standby_->monitor_port();
  }

  void follows() {
    io::log_info("follows", {{"term", standby_->term()}, {"leader", standby_->leader()}});
    say_ready(standby_->endpoints());
  }

  void failed(const absl::Status& why) {
    const bool lasting = why.code() == absl::StatusCode::kFailedPrecondition;
    if (lasting && !past_.ready) return refuse("--store: ", why);
    io::log_error(lasting ? "store_unusable" : "store_unreachable", {{"why", std::string(why.message())}});
  }

  void claim(io::LeaseClaim claim) {
    claim.distrust = past_.distrusts;
    io::open_postgres_store(
        context_, options_.store, claim, [this](const absl::Status& why) { lost(why); },
        [this](absl::StatusOr<std::unique_ptr<io::Store>> store) {
          if (!store.ok()) return not_claimed(store.status());
          store_ = *std::move(store);
          load();
        });
  }

  void not_claimed(const absl::Status& why) {
    const bool lasting = why.code() == absl::StatusCode::kFailedPrecondition;
    if (lasting && !past_.ready) return refuse("--store: ", why);
    io::log_warn("lease_not_claimed", {{"why", std::string(why.message())}});
    say_ready(standby_->endpoints());
    standby_->follow();
  }

  void lost(const absl::Status& why) {
    io::log_error("leads_no_more", {{"why", std::string(why.message())}});
    past_.distrusts |= why.code() == absl::StatusCode::kDataLoss;
    // One that was asked to end does not follow again; what it had not committed another bus takes over.
    end(draining_ ? std::optional(1) : std::nullopt);
  }

  // ---- Leading ----

  void lead_alone() {
    auto store = io::open_store(options_.store);
    if (!store.ok()) return refuse("--store: ", store.status());
    store_ = *std::move(store);
    load();
  }

  void load() {
    store_->load([this](absl::StatusOr<core::Snapshot> snapshot) {
      if (done_) return;
      // Another bus may lead meanwhile, or this one again.
      if (!snapshot.ok() && !options_.store.uri.empty()) return lost(snapshot.status());
      if (!snapshot.ok()) return refuse("--store: ", snapshot.status());
      lead(*std::move(snapshot));
    });
  }

  void lead(core::Snapshot snapshot) {
    io::log_info("store_loaded", {{"commands", snapshot.commands.size()},
                                  {"permits", snapshot.permits.size()},
                                  {"term", snapshot.term},
                                  {"leader", snapshot.leader_id},
                                  {"limiter", snapshot.permits.empty() ? "starts empty" : "goes on"}});
    if (snapshot.behind) {
      io::log_warn("older_store", {{"seen_term", snapshot.behind->term},
                                   {"seen_leader", snapshot.behind->leader_id},
                                   {"why", "a worker has seen what this store lacks, and no request has left since"},
                                   {"then", "a new epoch; no request until those that are not known count no more"}});
    } else if (snapshot.commits_lost) {
      const char* const why =
          standby_
              ? "another server of the database, or a restored one, that commits did not wait for; or its lease says so"
              : "another boot and a store that was not synced, or a copy made by cancelctl backup";
      io::log_warn("commits_may_be_lost",
                   {{"why", why}, {"then", "a new epoch; no request until those that are forgotten count no more"}});
    }
    if (!options_.policy) {
      io::log_warn("insecure_loopback", {{"what", "no encryption and no keys: all on this machine may cancel"}});
    }
    past_.distrusts = false;
    if (standby_) snapshot.followed = standby_->followed();
    if (standby_) read_files();
    standby_.reset();
    shell_.emplace(context_, options_, std::move(store_), snapshot);
    if (const auto status = shell_->open(); !status.ok()) return refuse("", status);
    options_.monitor_address = shell_->monitor_address();
    say_ready(shell_->endpoints());
  }

  // ---- Signals ----

  void stop() {
    if (!shell_) return end(0);
    io::log_info("draining");
    draining_ = true;
    shell_->drain([this](bool complete) { shell_->close_store([this, complete] { end(complete ? 0 : 1); }); });
  }
  void reload() {
    if (shell_) return shell_->reload();
    if (standby_) standby_->reload();
  }

  Options& options_;
  Past& past_;
  boost::asio::io_context context_{1};
  std::optional<int> exit_code_;
  bool done_ = false;
  bool draining_ = false;
  io::StopSignals signals_;
  io::ReloadSignal reload_;
  std::optional<Standby> standby_;
  std::unique_ptr<io::Store> store_;
  std::optional<Shell> shell_;
};

absl::Status fix_ports(Options& options) {
  for (const auto& [flag, endpoint] : {std::pair{"session_endpoint", &options.session_endpoint},
                                       {"event_endpoint", &options.event_endpoint},
                                       {"backend_endpoint", &options.backend_endpoint}}) {
    auto fixed = with_port(*endpoint);
    if (!fixed.ok()) {
      return absl::Status(fixed.status().code(), absl::StrCat("--", flag, ": ", std::string(fixed.status().message())));
    }
    *endpoint = *std::move(fixed);
  }
  return absl::OkStatus();
}

}  // namespace

int live(Options options) {
  Past past;
  if (!options.store.uri.empty()) {
    if (const auto status = fix_ports(options); !status.ok()) {
      io::complain(absl::StrCat("cancel-bus: ", std::string(status.message()), "\n"));
      return 2;
    }
  }
  for (;;) {
    const auto exit_code = Round(options, past).run();
    if (exit_code) return *exit_code;
    // Signals that come between two rounds wait.
    io::block_signals();
  }
}

}  // namespace cancelbus::bus
