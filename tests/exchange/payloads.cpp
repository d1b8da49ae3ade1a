#include "tests/exchange/payloads.hpp"

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace exchange_sim {

extern const char* const kPayloadsJson;

namespace {

namespace json = boost::json;

HttpAnswer read_answer(const json::object& entry) {
  HttpAnswer answer;
  answer.status = entry.at("status").to_number<unsigned>();
  const json::value& body = entry.at("body");
  answer.body = body.is_string() ? std::string(body.as_string()) : json::serialize(body);
  if (const json::value* headers = entry.if_contains("headers")) {
    if (const json::value* wait = headers->as_object().if_contains("Retry-After")) {
      answer.retry_after_s = std::stoll(std::string(wait->as_string()));
    }
  }
  return answer;
}

const json::object& document() {
  static const json::value parsed = json::parse(kPayloadsJson);
  return parsed.as_object();
}

const std::map<std::string, HttpAnswer, std::less<>>& answers() {
  static const auto all = [] {
    std::map<std::string, HttpAnswer, std::less<>> out;
    for (const auto& entry : document().at("rest").as_object()) {
      out.emplace(std::string(entry.key()), read_answer(entry.value().as_object()));
    }
    return out;
  }();
  return all;
}

}  // namespace

const HttpAnswer* find_payload(std::string_view name) {
  const auto found = answers().find(name);
  return found == answers().end() ? nullptr : &found->second;
}

HttpAnswer payload(std::string_view name) {
  if (const HttpAnswer* answer = find_payload(name)) return *answer;
  std::fprintf(stderr, "payloads.json has no entry \"%.*s\"\n", static_cast<int>(name.size()), name.data());
  std::abort();
}

std::vector<std::string> payload_names() {
  std::vector<std::string> names;
  for (const auto& entry : answers()) names.push_back(entry.first);
  return names;
}

std::string stream_payload(std::string_view name) { return json::serialize(document().at("stream").at(name)); }

}  // namespace exchange_sim
