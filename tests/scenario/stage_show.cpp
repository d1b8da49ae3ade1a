// What a scenario shows of the gateway: its sends as lines, and its status when asked for.
#include <algorithm>
#include <stdexcept>

#include "tests/scenario/stage.hpp"

namespace cancelbus::scenario {

void Stage::say(const std::string& line) { lines_.push_back(moving_ ? "@" + to_text(now_) + " " + line : line); }

void Stage::show_causes(const std::vector<core::CauseChange>& changes) {
  if (!causes_) return;
  for (const core::CauseChange& change : changes) {
    say(change.began ? "cause " + to_text(change.cause) : "no more " + kind_of(change.cause));
  }
}

void Stage::show_send(const core::SendWelcome& send) { say("welcome " + send.peer + ":" + to_text(send.positions)); }

void Stage::show_send(const core::SendReceipt& send) { say("receipt " + send.peer + "/" + to_text(send)); }

void Stage::show_send(const core::SendRetransmission& send) {
  const auto& events = store_.events(send.topic);
  for (uint64_t seq = send.from_seq; seq < send.from_seq + send.count; ++seq) {
    // What was made in this turn may lie before its own record; it is in the store once the turn is committed.
    const std::string event = seq <= events.size() ? to_text(events[seq - 1], Start) : "not stored";
    say("again to " + send.peer + " [" + std::to_string(seq) + "] " + event);
  }
}

void Stage::show_send(const core::SendRetransmitReject& send) {
  const std::string earlier = send.other_epoch ? ", or from the first that is kept" : "";
  say("not kept, to " + send.peer + ": " + send.topic + " from " + std::to_string(send.first_kept) + earlier);
}

void Stage::show_send(const core::SendHeartbeat& send) {
  std::string causes;
  for (const core::Cause& cause : gateway_->causes(instant())) causes += "; " + to_text(cause);
  say("heartbeat " + send.peer + ":" + to_text(send.positions) + causes);
}

void Stage::show_send(const core::SendHelloRequired& send) {
  say("hello required of " + send.peer + (send.cl_ord_id.empty() ? "" : " for " + send.cl_ord_id));
}

void Stage::show_send(const core::SendStatus& send) { say("status to " + send.peer); }

void Stage::show_send(const core::SendResolved& send) { say("resolved, to " + send.peer + ": " + to_text(send)); }

void Stage::show_send(const core::SendRetry& send) {
  say("retry, to " + send.peer + ": " + (send.retrying ? "RETRYING" : "REFUSED") + " \"" + send.text + "\"");
}

void Stage::show_send(const core::SendMassCancelPreview& send) {
  say("preview " + send.peer + "/" + to_text(send, Start));
}

void Stage::show_send(const core::SendTask& send) {
  tasks_.push_back(send.task);
  holder_[send.task] = send.peer;
  workers_.at(send.peer).tasks.insert(send.task);
  kind_[send.task] = send.kind;
  order_of_[send.task] = send.order.order_id;
  if (standing_.contains(send.kind)) due_.emplace_back(now_ + Latency, send.task);
  std::string what = "GET " + std::to_string(send.order.order_id);
  if (send.kind == core::LimiterKind::Cancel) what = "DELETE " + std::to_string(send.order.order_id);
  if (send.kind == core::LimiterKind::OpenOrders) {
    what = "GET open orders" + (send.order.symbol.empty() ? "" : " of " + send.order.symbol);
  }
  std::string line = "#" + std::to_string(tasks_.size()) + " " + what + " -> " + send.peer;
  if (send.attempt > 1) line += ", attempt " + std::to_string(send.attempt);
  say(line);
}

void Stage::show_send(const core::SendConfirm& send) {
  if (!confirms_) return;
  if (send.task != 0) say("confirm to " + send.peer + ": an outcome");
  if (send.fact_seq != 0) say("confirm to " + send.peer + ": facts up to " + std::to_string(send.fact_seq));
}

void Stage::show_send(const core::SendRelogin&) { say("relogin"); }

void Stage::show(const std::string& what) {
  const core::BusStatus status = gateway_->status(instant());
  if (what == "workers") {
    for (const core::WorkerStatus& w : status.workers) {
      say(w.name + " holds " + std::to_string(w.in_flight) + " of " + std::to_string(w.credit) +
          (w.unavailable.empty() ? "" : ", unavailable: " + w.unavailable) +
          (w.dead ? ", last heard " + to_text(*w.silent_for) + " ago" : ""));
    }
  } else if (what == "budget") {
    for (const core::WindowStatus& w : status.windows) {
      if (w.limiter == "open_orders" && w.used == 0) continue;  // most scenarios have no sweeps
      say(w.limiter + " " + std::to_string(w.used) + " of " + std::to_string(w.rule.limit) + " in " +
          to_text(w.rule.period) + (w.lowered_since ? ", lowered from " + std::to_string(w.configured_limit) : ""));
    }
    for (const core::Cause& cause : status.causes) {
      if (cause.kind != core::CauseKind::Backoff) continue;
      const std::string limiter = cause.limiter == core::LimiterKind::Cancel ? "cancel" : "query";
      say(limiter + " held for " + to_text(*cause.remaining) + " \"" + cause.text + "\"");
    }
  } else if (what == "causes") {
    for (const core::Cause& cause : status.causes) {
      say(to_text(cause) + ", since @" + to_text(cause.since - wall_error_ - Start));
    }
    if (status.causes.empty()) say("ok");
  } else if (what == "queue") {
    for (const core::QueueStatus& q : status.queues) {
      const core::Duration age = instant().wall - q.oldest.value();
      say(q.sender + " urgent " + std::to_string(q.urgent) + " normal " + std::to_string(q.normal) +
          (age == core::Duration::zero() ? "" : ", oldest " + to_text(age) + " ago"));
    }
  } else if (what == "pending") {
    say(std::to_string(status.cancels_in_flight) + " DELETEs and " + std::to_string(status.queries_in_flight) +
        " queries in flight");
    const std::string oldest =
        status.oldest_doubt ? ", oldest " + to_text(instant().wall - *status.oldest_doubt) + " ago" : "";
    say(std::to_string(status.orders_in_doubt) + " orders in doubt" + oldest);
  } else if (what == "stream") {
    say(std::string(status.stream.logged_in ? "logged in" : "not logged in") + (status.stream.live ? ", live" : ""));
  } else if (what == "history") {
    for (const auto& [order, lines] : store_.history()) {
      for (const core::HistoryLine& line : lines) {
        // Tasks by their ordinal, as everywhere here.
        const auto task = std::find(tasks_.begin(), tasks_.end(), line.task);
        const std::string request = line.task == 0 ? "" : " #" + std::to_string(task - tasks_.begin() + 1);
        say(std::to_string(order) + "[" + std::to_string(line.line) + "] @" + to_text(line.at - Start) + " " +
            to_text(line) + request);
      }
    }
  } else if (what == "orders") {
    show_orders();
  } else if (what == "switches") {
    show_switches();
  } else if (what == "drained") {
    say(gateway_->drained() ? "yes" : "no");
  } else if (what == "counters") {
    const core::GatewayCounters& c = gateway_->counters();
    say("deletes " + std::to_string(c.deletes) + ", queries " + std::to_string(c.queries) + ", unknown outcomes " +
        std::to_string(c.unknown_outcomes) + ", outcomes from the wrong worker " +
        std::to_string(c.outcomes_from_wrong_worker) + ", repeated departures " +
        std::to_string(c.repeated_departures) +
        (c.overrides_contradicted == 0 ? "" : ", overrides contradicted " + std::to_string(c.overrides_contradicted)) +
        (c.contradicting_reads == 0 ? "" : ", contradicting reads " + std::to_string(c.contradicting_reads)));
  } else {
    throw std::runtime_error("unknown word: " + what);
  }
}

}  // namespace cancelbus::scenario
