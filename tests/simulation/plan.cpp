#include "tests/simulation/plan.hpp"

#include <algorithm>
#include <sstream>

namespace cancelbus::simulation {

namespace {

using Rules = std::vector<core::RateRule>;

std::vector<exchange_sim::Limit> limits(const Rules& rules) {
  std::vector<exchange_sim::Limit> out;
  for (const core::RateRule& rule : rules) {
    out.push_back({static_cast<int64_t>(rule.limit), std::chrono::duration_cast<std::chrono::seconds>(rule.period)});
  }
  return out;
}

Weather make_weather(Random& random, Duration least, Duration jitter, Duration spike) {
  Weather weather;
  weather.least = random.between(50us, least);
  weather.jitter = random.chance(0.5) ? random.between(0ms, jitter) : random.between(0ms, jitter / 20);
  if (random.chance(0.3)) weather.spikes = random.fraction() * 0.05;
  weather.spike = random.between(0ms, spike);
  return weather;
}

void plan_limits(Plan& plan, Random& random) {
  const std::vector<Rules> cancels = {
      {{10, 1s}, {300, 60s}}, {{10, 1s}, {60, 60s}}, {{5, 1s}, {40, 60s}}, {{3, 1s}, {300, 60s}}};
  const std::vector<Rules> queries = {{{30, 1s}, {900, 60s}}, {{30, 1s}, {900, 60s}}, {{8, 1s}, {200, 60s}}};
  plan.options.cancel_limits = random.pick(cancels);
  plan.options.query_limits = random.pick(queries);
  plan.exchange.cancel_limits = limits(plan.options.cancel_limits);
  plan.exchange.query_limits = limits(plan.options.query_limits);
  plan.exchange.window = static_cast<exchange_sim::WindowKind>(random.between(0, 2));
}

void plan_options(Plan& plan, Random& random) {
  core::GatewayOptions& options = plan.options;
  options.account = "main";
  options.check_invariants = true;
  if (random.chance(0.3)) options.final_wait = random.pick(std::vector<Duration>{500ms, 5s});
  if (random.chance(0.2)) options.edit_grace = 50ms;
  if (random.chance(0.3)) options.doubt_after = 3s;
  if (random.chance(0.3)) options.worker_lease = random.pick(std::vector<Duration>{500ms, 3s});
  if (random.chance(0.2)) options.max_attempts = 2;
  if (random.chance(0.1)) options.default_ttl = 20s;
  if (random.chance(0.1)) options.retention = random.between(20s, 60s);
  plan.exchange.deleted_delay =
      exchange_sim::Millis(random.chance(0.7) ? random.between(0, 60) : random.between(0, 1'000));
  plan.exchange.read_lag = exchange_sim::Millis(random.chance(0.7) ? random.between(0, 20) : random.between(0, 500));
  plan.exchange.seed = random.number();
}

/// Of one host, whatever the others show: most are a little off, some by days.
Duration wall_error(Random& random) {
  if (random.chance(0.5)) return random.between(-150ms, 150ms);
  return random.chance(0.7) ? random.between(-10s, 10s) : random.between(-50h, 50h);
}

void plan_machines(Plan& plan, Random& random) {
  plan.inside = make_weather(random, 2ms, 40ms, 500ms);
  plan.outside = make_weather(random, 40ms, 400ms, 1'500ms);
  plan.workers = static_cast<int>(random.between(1, 4));
  plan.connections = static_cast<int>(random.between(1, 4));
  if (random.chance(0.3)) plan.request_timeout = 2s;
  const int64_t clients = random.between(1, 3);
  for (int64_t i = 0; i < 2 + plan.workers + clients; ++i) {
    plan.clocks.emplace_back(Time{}, random.between(-400, 400), wall_error(random));
  }
  const std::vector<std::string> senders = {"desk-a", "desk-b"};
  for (int64_t i = 0; i < clients; ++i) {
    ClientPlan client;
    client.name = "client" + std::to_string(i + 1);
    client.sender = random.pick(senders);
    if (random.chance(0.3)) client.topics = {"client.", "venue."};
    client.open_commands = random.chance(0.3);
    plan.clients.push_back(std::move(client));
  }
}

void plan_work(Plan& plan, Random& random) {
  plan.orders = static_cast<int>(random.chance(0.5) ? random.between(5, 20) : random.between(5, 60));
  const auto orders = static_cast<size_t>(plan.orders);
  const size_t count = orders + static_cast<size_t>(random.between(0, plan.orders / 2));
  const Duration spread = random.chance(0.4) ? Duration(1s) : plan.trouble * 9 / 10;
  const bool ttls = random.chance(0.4), urgent = random.chance(0.3), exact = random.chance(0.3),
             repeats = random.chance(0.4);
  for (size_t i = 0; i < count; ++i) {
    CancelPlan cancel;
    cancel.at = 500ms + random.between(0ms, spread);
    cancel.client = static_cast<size_t>(random.between(0, static_cast<int64_t>(plan.clients.size()) - 1));
    cancel.order = i < orders ? i : static_cast<size_t>(random.between(0, plan.orders - 1));
    if (random.chance(0.02)) cancel.order = orders;
    cancel.cl_ord_id = plan.clients[cancel.client].name + "-" + std::to_string(i + 1);
    if (ttls && random.chance(0.5))
      cancel.time_to_live = random.chance(0.5) ? random.between(1ms, 2s) : random.between(1s, 30s);
    cancel.urgent = urgent && random.chance(0.3);
    cancel.exact = exact && random.chance(0.5);
    if (repeats && i > 0 && random.chance(0.15)) {
      // The same name again, by whichever session, and now and then for another order.
      const CancelPlan& before = plan.cancels[static_cast<size_t>(random.between(0, static_cast<int64_t>(i) - 1))];
      cancel.cl_ord_id = before.cl_ord_id;
      if (random.chance(0.8)) cancel.order = before.order;
      cancel.at = std::min(before.at + random.between(0ms, 10s), plan.trouble - 1ms);
    }
    plan.cancels.push_back(std::move(cancel));
  }
}

void plan_hands(Plan& plan, Random& random) {
  using Kind = HandPlan::Kind;
  const std::vector<std::pair<Kind, double>> kinds = {
      {Kind::Fill, 0.3}, {Kind::PartialFill, 0.3}, {Kind::Edit, 0.3}, {Kind::Cancel, 0.3}, {Kind::ForeignDelete, 0.05}};
  for (const auto& [kind, share] : kinds) {
    if (!random.chance(share)) continue;
    const int64_t count = kind == Kind::ForeignDelete ? random.between(5, 60) : random.between(1, plan.orders / 2 + 1);
    for (int64_t i = 0; i < count; ++i) {
      plan.hands.push_back({random.between(400ms, plan.trouble), kind,
                            static_cast<size_t>(random.between(0, plan.orders - 1)),
                            random.chance(0.5) ? 0 : random.between(1, 1'500)});
    }
  }
}

void plan_blows(Plan& plan, Random& random) {
  std::vector<Blow> possible;
  for (size_t i = 0; i < static_cast<size_t>(Blow::CutPower); ++i) {
    if (random.chance(0.25)) possible.push_back(static_cast<Blow>(i));
  }
  if (possible.empty()) return;
  const Duration gap = random.between(500ms, 15s);
  for (Duration at = random.between(0ms, gap); at < plan.trouble; at += random.between(0ms, gap * 2)) {
    BlowPlan blow;
    blow.at = at;
    blow.blow = random.pick(possible);
    blow.target = random.number();
    blow.length = random.chance(0.6) ? random.between(10ms, 2s) : random.between(1s, 15s);
    blow.choice = random.number();
    plan.blows.push_back(blow);
  }
}

/// Drawn from a source of its own, as the operator's words are.
void plan_power_cuts(Plan& plan) {
  constexpr uint64_t Own = 0xD1B54A32D192ED03;
  Random random(plan.seed ^ Own);
  // Stamps that are lost are not given out again only because the exchange's clock goes on.
  if (plan.has(Blow::SetExchangeClock) || plan.wrong_readings || !random.chance(0.2)) return;
  plan.store_synced = false;
  for (int64_t cuts = random.between(0, 2); cuts > 0; --cuts) {
    const Duration down = random.chance(0.6) ? random.between(100ms, 2s) : random.between(1s, 15s);
    plan.blows.push_back({random.between(0ms, plan.trouble), Blow::CutPower, random.number(), down, random.number()});
  }
}

/// Drawn from a source of its own. Only where workers hear of what is committed, and each can report it before the bus
/// decides anything: otherwise nothing shows that the store is old. They hear of it within a quarter of a second.
void plan_old_copies(Plan& plan) {
  constexpr uint64_t Own = 0xC2B2AE3D27D4EB4F;
  Random random(plan.seed ^ Own);
  for (const Blow blow :
       {Blow::StopBusInTurn, Blow::FreezeBus, Blow::KillWorker, Blow::FreezeWorker, Blow::DrainWorker, Blow::HoldPath,
        Blow::CutPath, Blow::DropReplies, Blow::RebootBus, Blow::FillDisk, Blow::SetExchangeClock}) {
    if (plan.has(blow)) return;
  }
  if (!plan.store_synced || plan.wrong_readings || !random.chance(0.5)) return;
  const Duration age = random.chance(0.5) ? random.between(500ms, 2s) : random.between(1s, 15s);
  // The bus decides from half a second after its start on.
  constexpr Duration Started = 1s;
  const Duration room = plan.trouble - age;
  if (room <= Started) return;
  plan.old_copies = true;
  plan.blows.push_back({random.between(Started, room), Blow::PutBackCopy, random.number(), age, random.number()});
}

/// Drawn from a source of its own. Some readings are wrong, and not only those of one worker.
void plan_wrong_readings(Plan& plan) {
  constexpr uint64_t Own = 0x8EBC6AF09C88C6E3;
  Random random(plan.seed ^ Own);
  if (!random.chance(0.1)) return;
  plan.wrong_readings = true;
  const int64_t most_ms = random.chance(0.5) ? 4'000 : 30'000;
  std::ostringstream fault;
  fault << R"({"wrong_server_time":{"share":)" << random.fraction() * 0.6 << R"(,"seconds":)"
        << static_cast<double>(random.between(-most_ms, most_ms)) / 1'000 << "}}";
  plan.faults.push_back(fault.str());
}

/// Drawn from a source of its own. Few statuses a second, or none would ever wait.
void plan_statuses(Plan& plan) {
  constexpr uint64_t Own = 0xA3F1C0DE5B2E9D47;
  Random random(plan.seed ^ Own);
  if (random.chance(0.3)) plan.options.statuses_per_second = random.pick(std::vector<size_t>{1, 3, 10});
}

/// A rule of one of the exchange's faults, with a share of its own.
std::string fault(Random& random, const std::string& name, const std::string& fields, double most) {
  std::ostringstream out;
  out << '"' << name << R"(":{"share":)" << std::min(1.0, random.fraction() * most) << (fields.empty() ? "" : ",")
      << fields << '}';
  return out.str();
}

void plan_faults(Plan& plan, Random& random) {
  const auto ms = [&random](int64_t most) { return std::to_string(random.between(0, most)); };
  const auto add = [&](const std::string& name, const std::string& fields, double most, double likely = 0.12) {
    if (random.chance(likely)) plan.faults.push_back("{" + fault(random, name, fields, most) + "}");
  };
  const double most = random.chance(0.5) ? 0.2 : 0.8;
  const std::string Any = R"("endpoint":"any")";
  add("no_452", "", most);
  add("early_452", "\"delay_ms\":" + ms(800), most);
  add("duplicate_452", "\"delay_ms\":" + ms(500), most);
  add("zero_id_452", "", most);
  add("foreign_452", "", most);
  add("fill_instead", "", most);
  add("stale_num_left", R"("fraction":)" + std::to_string(random.fraction()), most);
  add("edit_during_cancel", "\"delay_ms\":" + ms(500), most);
  add("proxy_page", random.chance(0.5) ? Any : "", most);
  add("latency",
      R"("request_ms":)" + ms(300) + R"(,"request_jitter_ms":)" + ms(1'000) + R"(,"answer_ms":)" + ms(200) +
          R"(,"answer_jitter_ms":)" + ms(1'000),
      1.5, 0.3);
  add("stream_latency", R"("delay_ms":)" + ms(500) + R"(,"jitter_ms":)" + ms(1'500), 1.5);
  add("stall", random.chance(0.5) ? R"("processed":true)" : Any, 0.2);
  add("reset_before", random.chance(0.5) ? Any : "", 0.2);
  add("reset_after", random.chance(0.5) ? Any : "", 0.2);
  add("close_after_answer", Any, most);
  add("silent_socket", "\"delay_ms\":" + ms(10'000), most);
  add("close_without_frame", "\"delay_ms\":" + ms(10'000), most);
  add("refuse_login", R"("message":"no")", 0.8, 0.06);
  add("mute_45x", "", 1.2);
  add("refuse_handshake", R"("retry_after_s":)" + ms(20), 0.8, 0.06);
}

/// A rule of the fault `answer`, now and then.
void add_answer(std::string& answers, Random& random, const std::string& fields) {
  if (!random.chance(0.12)) return;
  std::ostringstream rule;
  rule << (answers.empty() ? "" : ",") << R"({"share":)" << random.fraction() * 0.15 << ',' << fields << '}';
  answers += rule.str();
}

/// Drawn from a source of its own.
void plan_rare_answers(const Plan& plan, std::string& answers) {
  constexpr uint64_t Own = 0xA0761D6478BD642F;
  Random random(plan.seed ^ Own);
  const auto wait = [&random] { return R"(,"retry_after_s":)" + std::to_string(random.between(0, 30)); };
  add_answer(answers, random, R"("status":418)" + wait());
  add_answer(answers, random, R"("status":503)" + wait());
  add_answer(answers, random, R"("processed":true,"status":503)" + wait());
  add_answer(answers, random, R"("status":422)");
  add_answer(answers, random, R"("endpoint":"GET /api/v1/order/{id}","status":405)");
}

/// What the exchange answers instead of the truth. What a query reads of an order is right, but for the word that names
/// its end.
void plan_answers(Plan& plan, Random& random) {
  std::string answers;
  const auto answer = [&](const std::string& fields) { add_answer(answers, random, fields); };
  for (const char* name : {"cancel_500", "cancel_503_html", "cancel_400_could_not"}) {
    answer(std::string(R"("payload":")") + name + '"');
    answer(std::string(R"("processed":true,"payload":")") + name + '"');
  }
  // Of such a 200 nothing comes.
  for (const char* name : {"cancel_200", "cancel_400_no_order", "cancel_400_extra_fields", "cancel_401_success_true",
                           "cancel_401_empty"}) {
    answer(std::string(R"("payload":")") + name + '"');
  }
  for (const char* name : {"cancel_429_account", "cancel_429_ip"}) {
    const std::string wait = std::to_string(random.between(0, 5));
    answer(R"("retry_after_s":)" + wait + R"(,"payload":")" + name + '"');
  }
  answer(R"("status":400,"body":"{\"success\":false,\"message\":\"ORDER_CANCEL_BLOCKED\",\"code\":1}")");
  for (const char* status : {"403", "404", "405", "408", "502"}) answer(std::string(R"("status":)") + status);
  answer(R"("status":200,"body":"rubbish")");
  const std::string query = R"("endpoint":"GET /api/v1/order/{id}",)";
  for (const char* status : {"401", "403", "404", "408", "429", "500", "503"}) {
    answer(query + R"("status":)" + status);
  }
  answer(query + R"("status":200,"body":"rubbish")");
  plan_rare_answers(plan, answers);
  if (!answers.empty()) plan.faults.push_back("{\"answer\":[" + answers + "]}");
}

/// Drawn from a source of its own: orders that are edited about when they are canceled, while the stream is lost; a
/// worker that writes nothing; and words for an order's end that contradict what is left of it.
void plan_more_troubles(Plan& plan) {
  constexpr uint64_t Own = 0xE7037ED1A0B428DB;
  Random random(plan.seed ^ Own);
  if (random.chance(0.15)) {
    for (int64_t edits = random.between(1, 5); edits > 0; --edits) {
      const CancelPlan& cancel = random.pick(plan.cancels);
      if (cancel.order >= static_cast<size_t>(plan.orders)) continue;
      const Duration at = std::min(cancel.at + random.between(-300ms, 700ms), plan.trouble);
      plan.hands.push_back({at, HandPlan::Kind::EditAcrossGap, cancel.order, random.between(20, 400)});
    }
  }
  if (random.chance(0.1)) {
    for (int64_t blows = random.between(1, 4); blows > 0; --blows) {
      const Duration length = random.chance(0.5) ? random.between(10ms, 2s) : random.between(1s, 40s);
      plan.blows.push_back(
          {random.between(0ms, plan.trouble), Blow::StopWriting, random.number(), length, random.number()});
    }
  }
  if (random.chance(0.1)) plan.faults.push_back("{" + fault(random, "wrong_status_word", "", 1.5) + "}");
}

/// Drawn from a source of its own, so that the seeds without an operator are what they would be without this.
void plan_words(Plan& plan) {
  constexpr uint64_t Own = 0x9E3779B97F4A7C15;
  Random random(plan.seed ^ Own);
  if (!random.chance(0.3)) return;
  plan.clients.push_back({"operator", "ctl-1", {}, false, {}});
  plan.clocks.emplace_back(Time{}, random.between(-400, 400), random.between(-500ms, 500ms));
  const std::vector<core::OrdStatus> words = {core::OrdStatus::New, core::OrdStatus::Filled, core::OrdStatus::Canceled,
                                              core::OrdStatus::Rejected};
  const double mistaken = random.chance(0.5) ? 0 : 0.5, asked = random.fraction() * 0.6;
  for (size_t i = 0; i < plan.cancels.size(); ++i) {
    if (!random.chance(asked)) continue;
    WordPlan word;
    word.cancel = i;
    word.at = std::min(plan.cancels[i].at + random.between(0ms, random.chance(0.5) ? 3s : 20s), plan.trouble);
    if (random.chance(mistaken)) word.mistake = random.pick(words);
    plan.words.push_back(word);
  }
}

/// By the same operator; likewise.
void plan_retries(Plan& plan) {
  constexpr uint64_t Own = 0xC2B2AE3D27D4EB4F;
  Random random(plan.seed ^ Own);
  if (plan.clients.back().name != "operator" || !random.chance(0.5)) return;
  const double wanted = random.fraction() * 0.6;
  for (size_t i = 0; i < plan.cancels.size(); ++i) {
    if (!random.chance(wanted)) continue;
    const Duration at = plan.cancels[i].at + random.between(0ms, random.chance(0.5) ? 3s : 20s);
    plan.retries.push_back({std::min(at, plan.trouble), i});
  }
}

template <typename T>
std::string seconds(T duration) {
  std::ostringstream out;
  out << std::chrono::duration<double>(duration).count() << " s";
  return out.str();
}

}  // namespace

const char* blow_name(Blow blow) {
  static constexpr const char* Names[] = {"kill bus",
                                          "kill bus in a turn",
                                          "stop bus in a turn",
                                          "reboot bus",
                                          "freeze bus",
                                          "drain bus",
                                          "fill disk",
                                          "misplace the store",
                                          "drop replies",
                                          "kill worker",
                                          "freeze worker",
                                          "drain worker",
                                          "kill subscriber",
                                          "freeze subscriber",
                                          "kill client",
                                          "freeze client",
                                          "hold path",
                                          "cut path",
                                          "close stream",
                                          "mute stream",
                                          "silence stream",
                                          "rubbish on stream",
                                          "set the exchange's clock",
                                          "set the bus's wall clock",
                                          "set a wall clock",
                                          "cut the bus's power",
                                          "stop a worker's writing",
                                          "put back an older copy of the store",
                                          "kill the primary database",
                                          "kill the standby database",
                                          "fail over the database",
                                          "promote the standby beside the primary",
                                          "cancel waits for the standby",
                                          "end waits for the standby",
                                          "fail over to a standby that is behind",
                                          "stop the leader for over a lease",
                                          "hold the paths of a bus to the database",
                                          "hold the paths of a bus to workers",
                                          "hold the paths of a bus to clients",
                                          "hold the path between the databases",
                                          "isolate a bus"};
  static_assert(std::size(Names) == Blows);
  return Names[static_cast<size_t>(blow)];
}

bool Plan::has(Blow blow) const {
  return std::ranges::any_of(blows, [blow](const BlowPlan& each) { return each.blow == blow; });
}

Plan make_plan(uint64_t seed, Random& random) {
  Plan plan;
  plan.seed = seed;
  plan.trouble = random.between(5s, 45s);
  plan_limits(plan, random);
  plan_options(plan, random);
  plan_machines(plan, random);
  plan_work(plan, random);
  plan_words(plan);
  plan_retries(plan);
  if (random.chance(0.05)) {
    plan_open_orders(plan);
    plan_mass_cancels(plan);
    plan_switches(plan);
    plan_pair(plan);
    return plan;
  }
  plan_hands(plan, random);
  plan_blows(plan, random);
  plan_wrong_readings(plan);
  plan_power_cuts(plan);
  plan_old_copies(plan);
  plan_statuses(plan);
  plan_faults(plan, random);
  plan_answers(plan, random);
  plan_waits(plan);
  plan_more_troubles(plan);
  plan_guesses(plan);
  plan_open_orders(plan);
  plan_mass_cancels(plan);
  plan_switches(plan);
  plan_pair(plan);
  return plan;
}

std::string describe(const Plan& plan) {
  std::ostringstream out;
  out << "seed " << plan.seed << ": " << plan.orders << " orders, " << plan.cancels.size() << " cancels, "
      << plan.clients.size() << " clients, " << plan.workers << " workers of " << plan.connections
      << " connections, troubles for " << seconds(plan.trouble) << '\n';
  for (const core::RateRule& rule : plan.options.cancel_limits) {
    out << "  limit " << rule.limit << " in " << seconds(rule.period) << '\n';
  }
  out << "  final_wait " << seconds(plan.options.final_wait) << ", edit_grace " << seconds(plan.options.edit_grace)
      << ", doubt_after " << seconds(plan.options.doubt_after) << ", max_attempts " << plan.options.max_attempts
      << ", retention " << seconds(plan.options.retention) << ", request_timeout " << seconds(plan.request_timeout)
      << (plan.store_synced ? "" : ", the store is not synced") << (plan.pair ? ", two buses" : "") << '\n';
  if (plan.sweeps()) {
    out << "  sweeps every " << seconds(plan.options.sweep_interval) << ", "
        << (plan.options.pairs.empty() ? "all pairs" : "by pair")
        << (plan.exchange.guesses.pair_required ? ", which must be named, " : ", ")
        << plan.places.size() + plan.many_orders << " more orders\n";
  }
  for (const ClientPlan& client : plan.clients) {
    out << "  " << client.name << " is " << client.sender;
    if (client.window) out << ", armed for " << seconds(*client.window);
    out << '\n';
  }
  if (!plan.switches.empty()) out << "  " << plan.switches.size() << " times a kill switch\n";
  if (!plan.masses.empty()) out << "  " << plan.masses.size() << " mass cancels\n";
  for (const GuessPlan& guess : plan.guesses) out << "  guess " << guess.name << '=' << guess.value << '\n';
  for (const std::string& fault : plan.faults) out << "  fault " << fault << '\n';
  for (const BlowPlan& blow : plan.blows) {
    out << "  at " << seconds(blow.at) << " for " << seconds(blow.length) << ": " << blow_name(blow.blow) << '\n';
  }
  return out.str();
}

}  // namespace cancelbus::simulation
