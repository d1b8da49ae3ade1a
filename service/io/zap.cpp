#include "service/io/zap.hpp"

#include <array>
#include <utility>

namespace cancelbus::io {
namespace {

constexpr size_t KeyBytes = 32;
/// version, request id, domain, address, routing id, mechanism, public key
constexpr size_t RequestFrames = 7;

std::string z85(const std::string& key) {
  std::array<char, KeyBytes * 5 / 4 + 1> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const uint8_t*>(key.data()), key.size());
  return text.data();
}

}  // namespace

ZapHandler::ZapHandler(asio::io_context& context, zmq::context_t& zmq, Verdict verdict)
    : socket_(context, zmq, zmq::socket_type::rep), verdict_(std::move(verdict)) {}

absl::Status ZapHandler::open() {
  if (auto status = socket_.bind("inproc://zeromq.zap.01"); !status.ok()) return status;
  socket_.on_ready([this] { answer(); });
  return absl::OkStatus();
}

// A REP socket takes the next question only after its answer to the last: so everything is answered.
void ZapHandler::answer() {
  Frames frames;
  while (socket_.receive(frames)) {
    const bool of_curve = frames.size() == RequestFrames && frames[5] == "CURVE" && frames[6].size() == KeyBytes;
    const std::string key = of_curve ? z85(frames[6]) : "";
    const bool enters = of_curve && verdict_({frames[2], frames[3], key});
    const std::string request_id = frames.size() > 1 ? frames[1] : "";
    socket_.send({"1.0", request_id, enters ? "200" : "400", enters ? "OK" : "refused", enters ? key : "", ""});
  }
}

}  // namespace cancelbus::io
