#include "tests/exchange/faults.hpp"

namespace exchange_sim {

const std::array<FaultInfo, kFaults>& fault_infos() {
  using namespace std::chrono_literals;
  static constexpr std::array<FaultInfo, kFaults> kInfos = {{
      {Fault::No452, "no_452", "order_ids", "the order is cancelled, the stream says nothing"},
      {Fault::Early452, "early_452", "order_ids delay_ms", "452 at once, the 200 after delay_ms", 50ms},
      {Fault::Duplicate452, "duplicate_452", "order_ids delay_ms", "a second 452 after delay_ms", 20ms},
      {Fault::ZeroId452, "zero_id_452", "order_ids", "a 452 with id 0 before the true one"},
      {Fault::Foreign452, "foreign_452", "order_ids",
       "a 452 of an order that was not placed here, before the true one"},
      {Fault::FillInstead, "fill_instead", "order_ids", "200, then the order fills: 441 and 423, no 452, Closed"},
      {Fault::StaleNumLeft, "stale_num_left", "order_ids fraction",
       "fraction of the order fills before the 452, whose numLeft still reads as before the fill"},
      {Fault::EditDuringCancel, "edit_during_cancel", "order_ids delay_ms",
       "an edit that keeps the id wins over the cancel: 452, after delay_ms 451, the order stays open", 10ms},
      {Fault::Answer, "answer",
       "payload status body retry_after_s retry_after retry_after_date_s processed endpoint order_ids",
       "this answer instead of the true one; processed: the origin did its work all the same"},
      {Fault::ProxyPage, "proxy_page", "endpoint order_ids", "a proxy's 503 page after the origin did its work"},
      {Fault::Latency, "latency", "endpoint order_ids request_ms request_jitter_ms answer_ms answer_jitter_ms",
       "delay on the way in and on the way out; jitter adds between nothing and so much"},
      {Fault::StreamLatency, "stream_latency", "delay_ms jitter_ms",
       "delay of each frame of the stream; frames of one stream stay in order"},
      {Fault::Stall, "stall", "processed endpoint order_ids", "the request is taken and never answered"},
      {Fault::ResetBefore, "reset_before", "endpoint order_ids", "connection reset, nothing done"},
      {Fault::ResetAfter, "reset_after", "endpoint order_ids", "connection reset after the origin did its work"},
      {Fault::CloseAfterAnswer, "close_after_answer", "endpoint order_ids",
       "the connection closes after the answer, which does not announce it"},
      {Fault::SilentSocket, "silent_socket", "delay_ms", "delay_ms after login nothing more comes, pings neither"},
      {Fault::CloseWithoutFrame, "close_without_frame", "delay_ms", "delay_ms after login the connection just ends"},
      {Fault::RefuseLogin, "refuse_login", "message", "114 with ok false"},
      {Fault::Mute45x, "mute_45x", "", "login succeeds; 441, 451 and 452 stay away, 201 and 423 flow"},
      {Fault::RefuseHandshake, "refuse_handshake", "retry_after_s retry_after retry_after_date_s",
       "429 to the WebSocket handshake"},
      {Fault::OtherProgram, "other_program", "endpoint per_second",
       "another program spends the account's budget from another address, so often"},
      {Fault::ClockOff, "clock_off", "seconds", "the exchange's clock is ahead by so many seconds (or behind)"},
      {Fault::WrongServerTime, "wrong_server_time", "seconds",
       "server time alone is ahead by so many seconds (or behind)"},
      {Fault::WrongStatusWord, "wrong_status_word", "order_ids",
       "a query reads a canceled order as Closed, and a filled one as Canceled; what is left of it is right"},
      {Fault::StaleOpenOrders, "stale_open_orders", "delay_ms",
       "GET /api/v1/openOrders lists what was open delay_ms ago", 2000ms},
  }};
  return kInfos;
}

const FaultInfo& fault_info(Fault fault) { return fault_infos()[static_cast<std::size_t>(fault)]; }

const FaultInfo* find_fault(std::string_view name) {
  for (const FaultInfo& info : fault_infos()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace exchange_sim
