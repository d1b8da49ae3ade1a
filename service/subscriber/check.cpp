#include "service/subscriber/check.hpp"

#include <absl/strings/str_cat.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "service/backend/check.hpp"
#include "service/btcturk/stream_frame.hpp"
#include "service/io/clock.hpp"
#include "service/io/websocket_client.hpp"

namespace cancelbus::subscriber {
namespace {

constexpr auto LoginTimeout = std::chrono::seconds(10);

class Check final : private io::WebsocketListener {
 public:
  Check(boost::asio::io_context& context, Options& options)
      : options_(options),
        stream_(context, options.tls, {.url = options.stream_url, .ip_family = options.exchange_ip_family}, *this),
        timer_(context) {}

  void start() { stream_.connect(); }
  bool good() const { return good_; }

 private:
  void on_open(const io::WebsocketPeer& peer) override {
    const core::WallTime here = io::now().wall;
    if (peer.date) off_ = *peer.date - std::chrono::floor<std::chrono::seconds>(here);
    backend::found(
        true, "stream",
        absl::StrCat("connected to ", options_.stream_url.authority, " at ", peer.address, "; ", clock_text()));
    backend::found(true, "TLS", peer.tls);
    open_ = true;
    const auto now = std::chrono::floor<std::chrono::milliseconds>(here);
    stream_.send(btcturk::login_frame(options_.signer, now.time_since_epoch().count(), options_.login_nonce));
    timer_.expires_after(LoginTimeout);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) finish(false, "no answer within 10 s");
    });
  }

  void on_message(std::string_view text) override {
    const btcturk::StreamFrame frame = btcturk::read_frame(text);
    if (const auto* banner = std::get_if<btcturk::BannerFrame>(&frame)) {
      backend::found(
          true, "banner",
          absl::StrCat("the stream's version is ", banner->current, ", it serves clients from ", banner->min, " on"));
    } else if (const auto* login = std::get_if<btcturk::LoginResult>(&frame)) {
      finish(login->ok, login->ok ? "accepted: the account's order events will come on this connection"
                                  : absl::StrCat("refused: ", login->message, "; ",
                                                 backend::usual_causes_of_refusal("WebSocket", clock_cause())));
    }
  }

  /// By the Date of its answer, which is in whole seconds and was made a little earlier.
  std::string clock_text() const {
    if (!off_) return "its answer has no Date, so that its clock is not compared with this machine's";
    if (!is_clock_off()) return "its clock and this machine's differ by less than 2 s";
    return absl::StrCat("its clock is ", std::chrono::abs(*off_).count(), " s ",
                        *off_ > std::chrono::seconds(0) ? "ahead of" : "behind",
                        " this machine's, whose time the login carries");
  }
  bool is_clock_off() const { return off_ && std::chrono::abs(*off_) >= std::chrono::seconds(2); }
  std::string clock_cause() const { return is_clock_off() ? "this machine's clock is wrong: synchronise it" : ""; }

  void on_control() override {}

  void on_closed(const io::WebsocketEnd& end) override {
    if (done_) return;
    std::string text = end.text;
    if (end.retry_after) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*end.retry_after).count();
      absl::StrAppend(&text, "; it asks to wait ", seconds, " s");
    }
    if (open_) return finish(false, "the connection ended before the answer: " + text);
    backend::found(false, "stream", absl::StrCat(options_.stream_url.authority, ": ", text));
  }

  void finish(bool good, const std::string& text) {
    if (done_) return;
    done_ = true;
    good_ = good;
    backend::found(good, "login", text);
    timer_.cancel();
    stream_.close();
  }

  Options& options_;
  io::WebsocketClient stream_;
  boost::asio::steady_timer timer_;
  std::optional<std::chrono::seconds> off_;  ///< the exchange's clock less this machine's
  bool open_ = false;
  bool done_ = false;
  bool good_ = false;
};

}  // namespace

int run_check(boost::asio::io_context& context, Options& options) {
  Check check(context, options);
  check.start();
  context.run();
  return check.good() ? 0 : 1;
}

}  // namespace cancelbus::subscriber
