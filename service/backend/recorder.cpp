#include "service/backend/recorder.hpp"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "service/backend/options.hpp"
#include "service/btcturk/redaction.hpp"
#include "service/io/log.hpp"

namespace cancelbus::backend {
namespace {

constexpr std::size_t MostHostCharacters = 50;
/// What a message weighs besides head and text, at most.
constexpr std::size_t RestBytes = 512;

}  // namespace

Recorder::Recorder(std::string_view role, const btcturk::Signer& signer, core::Tick started, Send send)
    : source_(absl::StrCat(std::string(role), " ", process_name())),
      source_id_(random_id()),
      signer_(signer),
      send_(std::move(send)),
      keep_until_(started + KeptFor) {}

void Recorder::on_record(core::Duration lease, core::Instant now) {
  look(now.tick);
  if (!std::exchange(recording_, true)) {
    io::log_info("recording", {{"received_before", number_ - kept_.size()}});
    sent_ = dropped_ = 0;
  }
  until_ = now.tick + lease;
  bytes_left_ = BytesPerRecord;
  keep_until_ = {};
  for (const base::Recorded& recorded : std::exchange(kept_, {})) offer(recorded);
  // So that the reader knows of this process, and of what was dropped last.
  (void)send_({.source = source_, .source_id = source_id_, .number = number_, .received = now.wall});
}

void Recorder::look(core::Tick now) {
  if (now >= keep_until_) kept_.clear();
  if (!recording_ || now < until_) return;
  recording_ = false;
  io::log_info("recording_ended", {{"sent", sent_}, {"dropped", dropped_}});
}

bool Recorder::counts(core::Tick now) {
  ++number_;
  look(now);
  return wants(now);
}

void Recorder::tell(base::Recorded recorded, core::Instant now) {
  recorded.source = source_;
  recorded.source_id = source_id_;
  recorded.number = number_;
  recorded.received = now.wall;
  recorded.truncated = recorded.truncated || recorded.text.size() > MaxTextBytes;
  recorded.text = btcturk::redacted(recorded.text, signer_.public_key(), MaxTextBytes);
  recorded.head = btcturk::redacted(recorded.head, signer_.public_key(), MaxHeadBytes);
  if (now.tick < until_) {
    offer(recorded);
  } else {
    kept_.push_back(std::move(recorded));
  }
}

void Recorder::offer(const base::Recorded& recorded) {
  const std::size_t bytes = recorded.text.size() + recorded.head.size() + RestBytes;
  const bool sent = bytes <= bytes_left_ && send_(recorded);
  if (sent) bytes_left_ -= bytes;
  ++(sent ? sent_ : dropped_);
}

std::string process_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') return absl::StrCat("unknown/", ::getpid());
  return absl::StrCat(std::string(host.data()).substr(0, MostHostCharacters), "/", ::getpid());
}

}  // namespace cancelbus::backend
