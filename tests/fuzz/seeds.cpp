#include "tests/fuzz/seeds.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/contract/golden.hpp"

namespace cancelbus::fuzz {
namespace {

const std::filesystem::path Contract = CONTRACT_FOLDER;

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::map<std::string, boost::json::value> payloads(std::string_view kind) {
  std::map<std::string, boost::json::value> result;
  const boost::json::value file = boost::json::parse(content(Contract / "payloads.json"));
  for (const auto& [name, payload] : file.at(kind).as_object()) result.emplace(name, payload);
  if (result.empty()) throw std::runtime_error("payloads.json has none of kind " + std::string(kind));
  return result;
}

std::vector<std::string> goldens(std::string_view message) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(Contract / "golden")) {
    if (entry.path().filename().string().starts_with(message)) paths.push_back(entry.path());
  }
  if (paths.empty()) throw std::runtime_error("no golden of " + std::string(message));
  std::ranges::sort(paths);
  std::vector<std::string> result;
  for (const auto& path : paths) {
    const auto golden = contract::read_golden(content(path));
    if (!golden) throw std::runtime_error(path.string() + " is no golden");
    result.push_back(golden->bytes);
  }
  return result;
}

}  // namespace cancelbus::fuzz
