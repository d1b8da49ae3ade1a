// A small strategy on the C++ client, for test_cpp_client.py: cancels the orders that it reads from standard input, one
// id a line, says each thing that it is told on a line of its own, and ends when all is decided.
//
//   cpp-strategy poll SENDER      a loop of its own around poll(2)
//   cpp-strategy thread SENDER    the client's thread
//   cpp-strategy many SENDER      the same, all orders as one at the end of the input
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "cancelbus/blocking.hpp"

namespace {

using namespace cancelbus;

// One call is one line, from whatever thread.
void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void tell(const client::Notice& notice) {
  if (std::holds_alternative<client::LostEvents>(notice)) say("lost");
  if (std::holds_alternative<client::NewEpoch>(notice)) say("epoch");
  const auto* event = std::get_if<v1::Event>(&notice);
  if (event == nullptr) return;
  const std::string seq = std::to_string(event->seq());
  if (event->has_cancel_ack()) say("event " + seq + " ack " + event->cancel_ack().cl_ord_id());
  if (event->has_cancel_final()) say("event " + seq + " final " + event->cancel_final().cl_ord_id());
  if (event->has_cancel_status()) say("event " + seq + " status " + event->cancel_status().cl_ord_id());
}

// Cancels by either client, naming each command after the sender.
class Desk {
 public:
  explicit Desk(std::string sender) : sender_(std::move(sender)) {}

  template <typename Client>
  auto cancel(Client& bus, const std::string& order_id) {
    const std::string name = sender_ + "-" + std::to_string(++commands_);
    return bus.cancel(std::stoll(order_id), {.cl_ord_id = name},
                      {.on_ack = [name](const client::Ack& ack) { say("ack " + name + " " + text(ack)); },
                       .on_final = [name](const client::Final& final) { say("final " + name + " " + text(final)); }});
  }

 private:
  std::string sender_;
  int commands_ = 0;
};

// Complete lines of what can be read without waiting. False at the end.
bool read_lines(std::string& rest, std::vector<std::string>& lines) {
  char chunk[4096];
  const ssize_t size = ::read(STDIN_FILENO, chunk, sizeof chunk);
  if (size <= 0) return false;
  rest.append(chunk, static_cast<size_t>(size));
  for (size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) {
    lines.push_back(rest.substr(0, end));
  }
  return true;
}

int run_in_poll_loop(const std::string& sender) {
  std::string error;
  const auto bus = client::Client::open({.session = {.sender_comp_id = sender}}, error);
  if (!bus) return say("OptionError: " + error), 2;
  Desk desk(sender);
  std::string rest;
  bool more = true;
  while (more || bus->undecided() > 0) {
    pollfd sources[] = {{bus->fd(), POLLIN, 0}, {more ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(sources, 2, -1) < 0) return 3;
    if (sources[1].revents != 0) {
      std::vector<std::string> lines;
      more = read_lines(rest, lines);
      for (const std::string& line : lines) desk.cancel(*bus, line);
    }
    if (sources[0].revents == 0) continue;
    for (const client::Notice& notice : bus->process()) tell(notice);
  }
  return 0;
}

int cancel_many(blocking::Client& bus) {
  std::vector<int64_t> order_ids;
  for (std::string line; std::getline(std::cin, line);) order_ids.push_back(std::stoll(line));
  const client::CancelSummary summary = bus.cancel_many(order_ids).get();
  for (const client::OrderResult& order : summary.orders) {
    say("result " + std::to_string(order.order_id) + " " + text(order.final));
  }
  say("summary " + text(summary));
  return 0;
}

int run_in_its_thread(const std::string& sender, bool as_one) {
  client::Problem problem;
  const auto bus =
      blocking::Client::open({.session = {.sender_comp_id = sender}}, problem, {.on_notice = tell, .on_warning = say});
  if (!bus) {
    static constexpr const char* Kinds[] = {"OptionError: ", "BusUnreachable: ", "KeyRefused: "};
    return say(Kinds[static_cast<int>(problem.kind)] + problem.text), 2;
  }
  if (as_one) return cancel_many(*bus);
  Desk desk(sender);
  std::vector<blocking::Cancel> cancels;
  for (std::string line; std::getline(std::cin, line);) cancels.push_back(desk.cancel(*bus, line));
  for (const blocking::Cancel& cancel : cancels) say("future " + cancel.cl_ord_id() + " " + text(cancel.final().get()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string mode = argv[1];
  return mode == "poll" ? run_in_poll_loop(argv[2]) : run_in_its_thread(argv[2], mode == "many");
}
