// The waits that the exchange asks of one limiter, and how it comes out of one.
//
// While a backoff runs nothing is granted. When it ends one request goes alone: if the exchange still refuses, one more
// has met that and not as many as there is room for. The rest follow its answer, or follow after a second.
#pragma once

#include <optional>
#include <string>

#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class Backoff {
 public:
  /// How long the rest wait for the answer to the one.
  static constexpr Duration RestFollows = std::chrono::seconds(1);

  /// Nothing is granted before `until`. A later one wins.
  void begin(Tick until, std::string why);

  /// May a request be granted?
  bool lets(Tick now) const { return now >= until_ && (!alone_ || now >= rest_at_); }
  /// When it may, if nothing is heard.
  Tick next(Tick now) const;

  void granted(TaskId task, Tick now);
  void answered(TaskId task);
  /// It was never written: the next one goes alone in its place.
  void given_back(TaskId task);

  /// How long to wait if the exchange asks for `asked`, but at most `longest`. Under a second counts as a second, and
  /// as twice that each time while no request succeeds in between.
  /// `anew`: the request left after the last backoff. Others that met the same refusal do not double it again.
  Duration length(Duration asked, Duration longest, bool anew);
  /// A request that left after the last backoff was let in.
  void succeeded() { short_waits_ = 0; }

  Tick until() const { return until_; }
  const std::string& why() const { return why_; }

 private:
  Tick until_ = Tick::min();
  std::string why_;
  bool one_goes_ = false;  ///< the next grant goes alone
  std::optional<TaskId> alone_;
  Tick rest_at_ = Tick::min();
  uint32_t short_waits_ = 0;  ///< in a row
};

/// How long the exchange asks to wait, and how much of it is heeded; nothing if the answer does not ask.
struct AskedWait {
  Duration asked{};
  Duration longest{};
};
std::optional<AskedWait> asked_wait(const Answer& answer);

}  // namespace cancelbus::core
