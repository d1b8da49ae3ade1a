#include "cancelbus/options.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>

namespace cancelbus::client {
namespace {

// CANCELBUS_SESSION_ENDPOINT and so on.
std::string from_environment(std::string name) {
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const char* value = std::getenv(("CANCELBUS_" + name).c_str());
  return value == nullptr ? "" : value;
}

void fill(std::string& option, const char* name, const char* otherwise = "") {
  if (option.empty()) option = from_environment(name);
  if (option.empty()) option = otherwise;
}

std::string read_switch(bool& insecure_loopback) {
  const std::string word = from_environment("insecure_loopback");
  if (!word.empty() && word != "true" && word != "false") {
    return "insecure_loopback: CANCELBUS_INSECURE_LOOPBACK=" + word + " is neither true nor false";
  }
  insecure_loopback = word == "true";
  return {};
}

std::string check_session(const SessionOptions& session) {
  const std::string& sender = session.sender_comp_id;
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (sender.empty() || sender.size() > 32 || !std::all_of(sender.begin(), sender.end(), allowed)) {
    return "sender_comp_id (or CANCELBUS_SENDER) \"" + sender + "\" is not 1 to 32 letters, digits, _ and -";
  }
  if (session.topics.size() > SessionOptions::MaxTopics) {
    return "topics are more than " + std::to_string(SessionOptions::MaxTopics);
  }
  const auto& window = session.cancel_on_disconnect;
  if (window && (*window < SessionOptions::MinWindow || *window > SessionOptions::MaxWindow)) {
    return "cancel_on_disconnect: " + std::to_string(window->count()) + " ms is not from 2 s to 10 min";
  }
  return {};
}

std::string check_loopback(const ClientOptions& options) {
  for (const auto& [name, option] :
       {std::pair{"session_endpoint", &options.session_endpoint}, {"event_endpoint", &options.event_endpoint}}) {
    for (const std::string& endpoint : endpoints_in(*option)) {
      if (is_loopback(endpoint)) continue;
      return std::string(name) + " \"" + endpoint +
             "\" is not on this machine, and insecure_loopback allows nothing else";
    }
  }
  return {};
}

bool is_ipv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), &address) == 1;
}

/// What is wrong with it; libzmq would only never connect.
std::string check_endpoint(const std::string& endpoint) {
  constexpr std::string_view Tcp = "tcp://", Ipc = "ipc://";
  if (endpoint.starts_with(Ipc) && endpoint.size() > Ipc.size()) return {};
  const size_t colon = endpoint.rfind(':');
  const std::string port = endpoint.substr(colon + 1);
  const bool has_port = !port.empty() && port.find_first_not_of("0123456789") == std::string::npos;
  if (!endpoint.starts_with(Tcp) || colon <= Tcp.size() || !has_port) {
    return "is not an endpoint such as tcp://127.0.0.1:5550";
  }
  const std::string host = endpoint.substr(Tcp.size(), colon - Tcp.size());
  if (host.find(':') == std::string::npos) return {};
  // Without brackets it is not clear where an IPv6 address ends and the port begins.
  const bool bracketed = host.front() == '[' && host.back() == ']';
  const std::string address = bracketed ? host.substr(1, host.size() - 2) : host;
  if (!is_ipv6(address)) {
    return "is neither a name nor an address with a port: an IPv6 address needs brackets, as in tcp://[::1]:" + port;
  }
  return bracketed ? "" : "is an IPv6 address without brackets: write tcp://[" + address + "]:" + port;
}

std::string check_endpoints(const char* name, const std::vector<std::string>& endpoints) {
  for (auto endpoint = endpoints.begin(); endpoint != endpoints.end(); ++endpoint) {
    std::string complaint = check_endpoint(*endpoint);
    if (std::count(endpoints.begin(), endpoint, *endpoint) > 0) complaint = "stands there twice";
    if (!complaint.empty()) return std::string(name) + " \"" + *endpoint + "\" " + complaint;
  }
  return {};
}

std::string check_endpoints(const ClientOptions& options) {
  const auto sessions = endpoints_in(options.session_endpoint), events = endpoints_in(options.event_endpoint);
  if (auto complaint = check_endpoints("session_endpoint", sessions); !complaint.empty()) return complaint;
  if (auto complaint = check_endpoints("event_endpoint", events); !complaint.empty()) return complaint;
  if (sessions.size() != events.size()) {
    return "session_endpoint names " + std::to_string(sessions.size()) + " and event_endpoint " +
           std::to_string(events.size()) + " endpoints; each bus has one of both, in the same order";
  }
  if (sessions.size() > ClientOptions::MaxBuses) {
    return "session_endpoint names more than " + std::to_string(ClientOptions::MaxBuses) + " endpoints";
  }
  const auto same = std::ranges::mismatch(sessions, events, std::not_equal_to<>()).in1;
  if (same != sessions.end()) {
    return "session_endpoint and event_endpoint are both \"" + *same + "\"; a bus has one for each";
  }
  return {};
}

std::string read_keys(const ClientOptions& options, CurveKeys& keys) {
  for (const auto& [name, path] : {std::pair{"curve_key_file", &options.curve_key_file},
                                   {"curve_server_key_file", &options.curve_server_key_file}}) {
    if (path->empty()) {
      return std::string(name) +
             " is missing: a client needs its own key and the bus's public one; without them only insecure_loopback";
    }
  }
  if (const auto complaint = read_key_file(options.curve_key_file, keys.own); !complaint.empty()) {
    return "curve_key_file \"" + options.curve_key_file + "\" " + complaint;
  }
  if (const auto complaint = read_public_key_file(options.curve_server_key_file, keys.server); !complaint.empty()) {
    return "curve_server_key_file \"" + options.curve_server_key_file + "\" " + complaint;
  }
  keys.server_file = options.curve_server_key_file;
  if (std::count(keys.server.begin(), keys.server.end(), keys.own.public_key) > 0) {
    return "curve_server_key_file \"" + options.curve_server_key_file + "\" is our own public key, not the bus's";
  }
  return {};
}

}  // namespace

std::vector<std::string> endpoints_in(const std::string& option) {
  std::vector<std::string> endpoints;
  for (size_t begin = 0; begin <= option.size();) {
    const size_t end = std::min(option.find(',', begin), option.size());
    endpoints.push_back(option.substr(begin, end - begin));
    begin = end + 1;
  }
  return endpoints;
}

std::string complete(ClientOptions& options, std::optional<CurveKeys>& keys) {
  fill(options.session_endpoint, "session_endpoint", "tcp://127.0.0.1:5550");
  fill(options.event_endpoint, "event_endpoint", "tcp://127.0.0.1:5551");
  fill(options.session.sender_comp_id, "sender");
  if (auto complaint = check_session(options.session); !complaint.empty()) return complaint;
  if (auto complaint = check_endpoints(options); !complaint.empty()) return complaint;
  if (options.insecure_loopback) {
    if (!options.curve_key_file.empty() || !options.curve_server_key_file.empty()) {
      return "insecure_loopback contradicts curve_key_file and curve_server_key_file";
    }
    return check_loopback(options);
  }
  fill(options.curve_key_file, "curve_key_file");
  fill(options.curve_server_key_file, "curve_server_key_file");
  if (options.curve_key_file.empty() && options.curve_server_key_file.empty()) {
    if (auto complaint = read_switch(options.insecure_loopback); !complaint.empty()) return complaint;
    if (options.insecure_loopback) return check_loopback(options);
  }
  return read_keys(options, keys.emplace());
}

}  // namespace cancelbus::client
