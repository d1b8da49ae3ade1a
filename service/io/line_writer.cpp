#include "service/io/line_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "service/io/blocked_signals.hpp"

namespace cancelbus::io {
namespace {

using std::chrono::steady_clock;

uint64_t count_lines(std::string_view lines) { return static_cast<uint64_t>(std::ranges::count(lines, '\n')); }

// Whole lines, as many as a pipe takes at once: so lines of several processes on one pipe do not mix. A longer line is
// a chunk of its own.
std::string_view first_chunk(std::string_view lines) {
  if (lines.size() <= PIPE_BUF) return lines;
  size_t end = lines.substr(0, PIPE_BUF).rfind('\n');
  if (end == std::string_view::npos) end = lines.find('\n');
  return lines.substr(0, end == std::string_view::npos ? lines.size() : end + 1);
}

}  // namespace

struct LineWriter::Shared {
  Shared(int d, Report r, size_t most) : descriptor(d), report(std::move(r)), most_bytes(most) {}

  void run();
  uint64_t write_chunk(std::string_view chunk);
  /// Returns how many lines were lost, and counts them.
  uint64_t emit(std::string_view lines);
  bool tell_dropped(uint64_t count);
  bool settled() const { return waiting.empty() && overflowed == 0 && !busy; }

  const int descriptor;
  const Report report;
  const size_t most_bytes;
  std::atomic<uint64_t> dropped{0};
  std::atomic<uint64_t> chunks{0};  ///< written: what finish() takes for progress
  bool in_line = false;             ///< the writer's own: the last thing written was half a line

  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  // Under the mutex:
  std::string waiting;
  uint64_t overflowed = 0;  ///< dropped since the writer last took what waits, and not reported yet
  bool started = false;
  bool busy = false;
  bool ended = false;
};

// Returns how many lines could not be written: none, unless there was an error other than a full pipe.
uint64_t LineWriter::Shared::write_chunk(std::string_view chunk) {
  if (in_line && ::write(descriptor, "\n", 1) != 1) return count_lines(chunk);
  in_line = false;
  while (!chunk.empty()) {
    const ssize_t written = ::write(descriptor, chunk.data(), chunk.size());
    if (written > 0) {
      chunk.remove_prefix(static_cast<size_t>(written));
      in_line = !chunk.empty() && chunk.data()[-1] != '\n';
    } else if (written < 0 && errno == EAGAIN) {  // another process has set O_NONBLOCK
      pollfd room{descriptor, POLLOUT, 0};
      (void)::poll(&room, 1, -1);
    } else if (written == 0 || errno != EINTR) {
      break;
    }
  }
  return count_lines(chunk);
}

uint64_t LineWriter::Shared::emit(std::string_view lines) {
  uint64_t lost = 0;
  while (!lines.empty()) {
    const std::string_view chunk = first_chunk(lines);
    lost += write_chunk(chunk);
    lines.remove_prefix(chunk.size());
    chunks.fetch_add(1, std::memory_order_relaxed);
  }
  dropped.fetch_add(lost, std::memory_order_relaxed);
  return lost;
}

bool LineWriter::Shared::tell_dropped(uint64_t count) {
  const std::string line = report(count);
  return line.empty() || write_chunk(line) == 0;
}

void LineWriter::Shared::run() {
  std::string batch;
  uint64_t unwritten = 0;  // lost to errors, and not reported yet
  std::unique_lock lock(mutex);
  for (;;) {
    busy = false;
    if (settled()) idle.notify_all();
    wake.wait(lock, [this] { return !settled() || ended; });
    if (settled()) return;
    busy = true;
    batch.clear();
    std::swap(batch, waiting);
    uint64_t missing = std::exchange(overflowed, 0);
    lock.unlock();
    // In the order of events: what was lost before this batch, the batch, what found the queue full after it.
    if (unwritten > 0 && tell_dropped(unwritten)) unwritten = 0;
    unwritten += emit(batch);
    if (missing > 0 && unwritten == 0 && tell_dropped(missing)) missing = 0;
    unwritten += missing;
    lock.lock();
  }
}

LineWriter::LineWriter(int descriptor, Report report, size_t most_bytes)
    : shared_(std::make_shared<Shared>(descriptor, std::move(report), most_bytes)) {}

LineWriter::~LineWriter() {
  finish();
  const std::lock_guard lock(shared_->mutex);
  shared_->ended = true;
  shared_->wake.notify_all();
}

void LineWriter::start() {
  {
    const BlockedSignals blocked;
    // Detached, because it cannot be joined while its reader keeps it waiting.
    std::thread([shared = shared_] { shared->run(); }).detach();
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->started = true;
}

void LineWriter::write(std::string_view lines) {
  Shared& shared = *shared_;
  const std::lock_guard lock(shared.mutex);
  if (!shared.started) {
    shared.emit(lines);
    return;
  }
  const bool asleep = shared.settled();
  if (shared.waiting.size() + lines.size() > shared.most_bytes) {
    const uint64_t count = count_lines(lines);
    shared.overflowed += count;
    shared.dropped.fetch_add(count, std::memory_order_relaxed);
  } else {
    shared.waiting += lines;
  }
  if (asleep) shared.wake.notify_one();
}

uint64_t LineWriter::dropped() const { return shared_->dropped.load(std::memory_order_relaxed); }

bool LineWriter::finish() {
  Shared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  const auto give_up = steady_clock::now() + FinishWithin;
  while (!shared.settled()) {
    const uint64_t before = shared.chunks.load(std::memory_order_relaxed);
    const auto until = std::min(give_up, steady_clock::now() + Stalled);
    const bool done = shared.idle.wait_until(lock, until, [&shared] { return shared.settled(); });
    const bool stalled = shared.chunks.load(std::memory_order_relaxed) == before;
    if (!done && (stalled || steady_clock::now() >= give_up)) return false;
  }
  return true;
}

}  // namespace cancelbus::io
