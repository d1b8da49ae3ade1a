// Which bus leads a store that several buses share, and what is committed in it: the decisions, without the database.
//
// - LeaseFollower: a standby's. When the lease is free, and since when permits are settled and backoffs last.
// - next_lease(): what a bus writes that takes over.
// - LeaseHolder: the leader's. Which batch goes next, what each reply means, when to renew, when to stop leading.
//
// PostgresWatch and PostgresStore put them around a database, the simulation around a model of one. Pure: same calls,
// same answers; the time comes in. The database itself guarantees that a batch is stored whole and only under the term
// and the number that it carries (begin_batch() in postgres_schema.cpp); nothing here replaces that.
//
// What LeaseHolder guarantees, given that: a batch is reported as committed only when it is stored once, in order, and
// on every server that a later leader may read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/core/records.hpp"
#include "service/core/term.hpp"
#include "service/core/types.hpp"

namespace cancelbus::io {

/// One server of the database. A promotion changes its timeline.
struct DatabaseServer {
  int64_t identifier = 0;
  int64_t timeline = 0;
  bool operator==(const DatabaseServer&) const = default;
};

/// The lease, as its row is.
struct Lease {
  uint64_t term = 0;
  std::string leader_id = {};
  uint64_t batch = 0;          ///< the number of the latest one stored, counted over all terms
  uint64_t renewals = 0;       ///< raised by each commit and renewal
  bool released = true;        ///< its leader has ended in order
  DatabaseServer server = {};  ///< where the term was claimed
  bool synchronous = true;     ///< its leader commits nothing that no standby of the database has
  bool commits_lost = false;   ///< commits before the term may be missing; until its first batch
  bool operator==(const Lease&) const = default;
};

/// What a bus saw of the lease before it claims it: it gets it only if nothing has changed since.
struct LeaseClaim {
  uint64_t term = 0;
  std::optional<uint64_t> renewals = 0;  ///< absent: whatever it is
  /// Commits that this bus knows of are not there.
  bool distrust = false;
  /// The new term is above this one too.
  uint64_t above = 0;
};

/// `read` is still what the claim was decided on.
bool is_as_seen(const Lease& read, const LeaseClaim& claim);

/// What `id` writes in the place of `read` to lead. `commits_lost` of it: a new epoch begins. They may be lost if
/// another server, or another timeline of it, goes on from a copy that commits did not wait for.
Lease next_lease(const Lease& read, const LeaseClaim& claim, std::string id, const DatabaseServer& here,
                 bool full_sync);

class LeaseFollower {
 public:
  static constexpr int LooksPerLease = 4;

  /// What a look reads.
  struct Look {
    uint64_t term = 0;
    uint64_t renewals = 0;
    std::string leader_id = {};
    bool released = true;
    std::vector<core::TaskId> settled = {};                                ///< permits whose outcome has come
    std::vector<std::pair<core::LimiterKind, core::WallTime>> holds = {};  ///< until when each lasts
  };

  explicit LeaseFollower(core::Duration lease) : lease_(lease) {}

  /// From now on; the lease is not free before `earliest`, whatever is read.
  void begin(core::Tick earliest);
  /// `sent`: when it was asked for, `read`: when the answer came. The lease is old when it has not moved between two
  /// looks for one lease of this machine's steady clock. Database time decides nothing.
  void take(const Look& look, core::Tick sent, core::Tick read);
  /// The database holds no store yet.
  void take_none(core::Tick now) { is_free_ = now >= earliest_; }

  bool is_free() const { return is_free_; }
  /// Of what was read last; call it when the lease is free.
  LeaseClaim claim() const { return {term_, renewals_, false, 0}; }
  uint64_t term() const { return term_; }
  const std::string& leader_id() const { return leader_id_; }
  /// By this machine's ticks, so that their time runs from when they were first seen, and not only from a takeover.
  const core::Followed& followed() const { return followed_; }

 private:
  void follow(const Look& look, core::Tick read);

  const core::Duration lease_;
  bool read_ = false;
  bool is_free_ = false;
  uint64_t term_ = 0;
  uint64_t renewals_ = 0;
  std::string leader_id_;
  bool released_ = true;
  core::Tick moved_;
  core::Tick earliest_ = core::Tick::min();
  core::Followed followed_;
};

class LeaseHolder {
 public:
  static constexpr int RenewalsPerLease = 4;
  /// A commit that is not answered for so long: no promise may wait for it.
  static constexpr core::Duration Patience = std::chrono::milliseconds(500);

  /// What is sent to the database. A confirmation is a renewal that proves what went before it.
  enum class Ask : uint8_t { Commit, Renewal, Confirmation };
  enum class Reply : uint8_t {
    Done,
    Warned,        ///< done, but perhaps on one server only
    Stored,        ///< of a batch: it was there already
    Fenced,        ///< another bus leads
    Gap,           ///< of a batch: the ones before it are not there
    Refused,       ///< for another reason, and nothing was done
    Disconnected,  ///< the connection is lost, and what became of it is not known
  };
  /// Why the bus must stop leading.
  enum class Loss : uint8_t { Fenced, CommitsLost, NotRenewed };
  enum class Health : uint8_t { Good, Disconnected, Unanswered };

  /// What follows from a call.
  struct Step {
    std::optional<Ask> send = {};
    /// The batch has ended: it is committed, or was refused and may be committed again.
    std::optional<bool> committed = {};
    bool connect = false;  ///< call connected() once there is a connection
    std::optional<Loss> lost = {};
  };

  /// `leads`: with the number of the latest batch in the store. `claimed`: when the claim was sent.
  LeaseHolder(core::Term leads, core::Duration lease, core::Tick claimed)
      : leads_(std::move(leads)), lease_(lease), sent_(claimed), renewed_(claimed) {}

  /// A batch is to be committed, with number next_batch(). One at a time.
  Step commit(core::Tick now);
  uint64_t next_batch() const { return leads_.batch + 1; }
  /// `sent`: when this was asked for. Replies come in the order of what was sent on a connection.
  Step answered(Ask ask, Reply reply, core::Tick sent, core::Tick now);
  /// There is another connection.
  Step connected(core::Tick now);
  /// Call it often within a lease. `may_renew`: false while a claim is under way, which nothing of this term may
  /// follow; a claim without an answer does not prolong the lease.
  Step passed(core::Tick now, bool may_renew = true);
  /// The bus ends: nothing follows any more.
  void end() { ended_ = true; }

  bool is_connected() const { return connected_; }
  bool is_committing() const { return batch_.has_value(); }
  Health health(core::Tick now) const;
  const core::Term& leads() const { return leads_; }
  /// When the latest commit or renewal was sent that is known to have worked.
  core::Tick renewed() const { return renewed_; }

 private:
  Step ask(Ask what, core::Tick now);
  Step of_batch(Reply reply, core::Tick now);
  Step finished(bool committed);
  Step lost(Loss why);
  Step disconnected();

  core::Term leads_;  ///< its batch: the latest that is stored
  const core::Duration lease_;
  std::optional<core::Tick> batch_;  ///< when the one that is being committed began
  core::Tick sent_;                  ///< the latest commit or renewal
  core::Tick renewed_;               ///< the latest that is known to have worked
  bool connected_ = true;
  bool renewing_ = false;
  bool ended_ = false;
};

}  // namespace cancelbus::io
