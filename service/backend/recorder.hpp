// Tells the bus what this process receives from the exchange, redacted, while an operator records.
//
// Worker and subscriber own one each. It decides nothing and never waits: what the bus's last Record does not allow, or
// the socket does not take, is dropped, and shows as a gap in the numbers. The first things of a process are kept for a
// moment, because the bus can ask only once it has heard of the process. Apart from these nothing is built, redacted or
// sent while no operator records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "service/base/recorded.hpp"
#include "service/btcturk/signer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::backend {

class Recorder {
 public:
  /// From one Record to the next.
  static constexpr std::size_t BytesPerRecord = 256 * 1024;
  static constexpr std::size_t MaxTextBytes = 48 * 1024;
  static constexpr std::size_t MaxHeadBytes = 4 * 1024;
  /// Of what comes before the first Record, and for how long.
  static constexpr std::size_t MostKept = 32;
  static constexpr core::Duration KeptFor = std::chrono::seconds(10);

  /// False: not taken, and not to be tried again.
  using Send = std::function<bool(const base::Recorded&)>;

  /// `role`: worker or subscriber. The signer's public key is redacted; the signer must outlive this.
  Recorder(std::string_view role, const btcturk::Signer& signer, core::Tick started, Send send);

  /// The bus's Record.
  void on_record(core::Duration lease, core::Instant now);
  /// Logs the end of a lease; call it now and then.
  void look(core::Tick now);

  /// What comes now will be sent or kept.
  bool wants(core::Tick now) const { return now < until_ || (now < keep_until_ && kept_.size() < MostKept); }
  /// Counts one thing that has come. True: tell() it.
  bool counts(core::Tick now);
  /// `recorded`: from `kind` on, and as it came.
  void tell(base::Recorded recorded, core::Instant now);

 private:
  void offer(const base::Recorded& recorded);

  const std::string source_;
  const uint64_t source_id_;
  const btcturk::Signer& signer_;
  Send send_;
  uint64_t number_ = 0;
  core::Tick until_{};
  core::Tick keep_until_;
  std::vector<base::Recorded> kept_;
  std::size_t bytes_left_ = 0;
  bool recording_ = false;  // as the log says
  uint64_t sent_ = 0;       // since it began
  uint64_t dropped_ = 0;    // likewise
};

/// Host and process id, at most 64 characters.
std::string process_name();

}  // namespace cancelbus::backend
