// What one seed means: the machines, the work, and the troubles, all drawn before anything happens.
//
// Each kind of trouble is switched on or off for the whole of a run, so that seeds differ in kind and not only in
// detail; some runs have none.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "service/core/gateway_options.hpp"
#include "service/core/owners.hpp"
#include "service/core/records.hpp"
#include "tests/exchange/world.hpp"
#include "tests/simulation/blow.hpp"
#include "tests/simulation/coverage.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"

namespace cancelbus::simulation {

struct ClientPlan {
  std::string name;
  std::string sender;
  std::vector<std::string> topics;
  bool open_commands = false;
  std::optional<Duration> window = std::nullopt;  ///< its hellos arm the dead man's switch
};

/// A strategy cancels an order.
struct CancelPlan {
  Duration at{};
  size_t client = 0;
  size_t order = 0;  ///< beyond the last: an order that does not exist
  std::string cl_ord_id;
  std::optional<Duration> time_to_live;
  bool urgent = false;
  bool exact = false;
};

/// A person or another program does something to an order, or with the account.
struct HandPlan {
  enum class Kind : uint8_t {
    Fill,
    PartialFill,
    Edit,
    EditAcrossGap,  ///< the stream ends between its 452 and its 451
    Cancel,
    ForeignDelete
  };
  Duration at{};
  Kind kind{};
  size_t order = 0;
  int64_t gap_ms = 0;  ///< of an edit
};

/// An operator settles a command, whatever has become of it.
struct WordPlan {
  Duration at{};
  size_t cancel = 0;
  /// What else than the truth, if anything: a mistake.
  std::optional<core::OrdStatus> mistake;
};

/// An operator does not want to wait for the next request of a command's order.
struct RetryPlan {
  Duration at{};
  size_t cancel = 0;
};

/// What is not known of the exchange, and it does otherwise than by default.
struct GuessPlan {
  Fault fault{};
  std::string name;
  std::string value;
};

struct BlowPlan {
  Duration at{};
  Blow blow{};
  uint64_t target = 0;  ///< of how many there are
  Duration length{};
  uint64_t choice = 0;
};

/// An order is placed that no strategy cancels, and later something becomes of it.
struct PlacePlan {
  enum class End : uint8_t { None, Fill, Cancel, Edit, EditAcrossGap };
  Duration at{};
  std::string pair;
  std::string client_id;
  bool sell = false;
  Duration ends_at{};
  End end = End::None;
};

/// Many orders are canceled at once. Of scope OWN the owner is left out.
struct MassPlan {
  Duration at{};
  size_t client = 0;
  core::MassCancelRequest request;
  bool dry_run = false;
};

/// A kill switch is engaged or released. Of scope OWN the owner is left out.
struct SwitchPlan {
  Duration at{};
  size_t client = 0;
  bool engage = true;
  core::MassCancelRequest request;
  bool force = false;
};

/// A strategy ends on purpose, and is started again.
struct GoodbyePlan {
  Duration at{};
  size_t client = 0;
  bool keep_orders = false;
};

struct Plan {
  uint64_t seed = 0;
  core::GatewayOptions options;
  exchange_sim::Settings exchange;
  bool store_synced = true;  ///< --store_sync=full
  bool old_copies = false;   ///< the store is replaced by one
  Weather inside;            ///< between our machines
  Weather outside;           ///< to the exchange
  int workers = 1;
  int connections = 4;
  Duration request_timeout = 5s;
  /// Of bus, subscriber, workers and clients, in this order.
  std::vector<Clock> clocks;
  std::vector<ClientPlan> clients;
  int orders = 1;
  std::vector<CancelPlan> cancels;
  std::vector<HandPlan> hands;
  /// The last client is the operator, if there are any.
  std::vector<WordPlan> words;
  std::vector<RetryPlan> retries;
  std::vector<BlowPlan> blows;
  std::vector<GuessPlan> guesses;
  /// The exchange's own faults, as its control interface takes them, one a line; each ends with the troubles.
  std::vector<std::string> faults;
  Duration trouble{};  ///< when all of it ends
  /// What the exchange answers as its time is wrong now and then.
  bool wrong_readings = false;
  /// Another program spends the same budget all the time.
  bool other_program = false;
  /// What a 429 or 418 may have asked for is heeded still when the troubles end.
  Duration longest_wait{};

  // Open orders.
  std::vector<bool> worker_sweeps;  ///< by worker: it knows the task
  std::vector<core::OwnerPrefix> prefixes;
  std::vector<PlacePlan> first_orders;  ///< what `orders` are, if it matters
  std::vector<PlacePlan> places;        ///< those that come later
  int many_orders = 0;                  ///< more at the beginning that nothing becomes of
  std::vector<MassPlan> masses;
  std::vector<SwitchPlan> switches;
  std::vector<GoodbyePlan> goodbyes;

  /// Two buses share a database. The last clock is the second one's; `store_synced`: the database's standby is
  /// synchronous.
  bool pair = false;

  bool has(Blow blow) const;
  bool sweeps() const { return std::ranges::count(worker_sweeps, true) > 0; }
};

/// Beside the answers that the plan has already: the fault takes one list.
void add_answers(Plan& plan, const std::string& rules);
/// Whose orders are whose, orders that come later, and how the exchange lists them (plan_orders.cpp).
void plan_open_orders(Plan& plan);
/// Many of them are canceled at once (plan_mass.cpp).
void plan_mass_cancels(Plan& plan);

core::Scope planned_scope(Random& random, core::MassCancelRequest::Whose whose);
/// Kill switches and dead man's switches (plan_switches.cpp).
void plan_switches(Plan& plan);

/// What the exchange asks to wait, in every form, and another program that spends the budget (plan_waits.cpp).
void plan_waits(Plan& plan);
/// What the exchange may do otherwise than guessed (plan_guesses.cpp).
void plan_guesses(Plan& plan);
/// Two buses in the place of one, and their database (plan_pair.cpp).
void plan_pair(Plan& plan);
Plan make_plan(uint64_t seed, Random& random);
std::string describe(const Plan& plan);

}  // namespace cancelbus::simulation
