// contract_release FOLDER README: writes the descriptor set and the goldens of what proto/ says now, and the table of
// FIX counterparts in README, unless that breaks what was released before. Called by tests/contract/release; with
// --check by tests/run.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "tests/contract/fix_table.hpp"
#include "tests/contract/golden.hpp"
#include "tests/contract/schema.hpp"

namespace {

constexpr const char* Usage =
    "usage: contract_release FOLDER README\n"
    "       contract_release --check FOLDER\n"
    "Compares what proto/ says now with what FOLDER says was released. If nothing that was released is broken, writes\n"
    "the additions into it, and the table of FIX counterparts into README. Exit code 1 if something is broken, or\n"
    "cannot be written.\n"
    "--check only compares.\n";

/// Of an empty contract if there is none yet: then everything is an addition. False: it is there and unreadable.
bool read_released(const std::filesystem::path& path, contract::FileDescriptorSet& released) {
  if (!std::filesystem::exists(path)) return true;
  std::ifstream file(path, std::ios::binary);
  return released.ParseFromIstream(&file);
}

bool write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  if (!file) std::cerr << "cannot write " << path << "\n";
  return static_cast<bool>(file);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// One more golden of this shape, unless its last one says all that there is to say. Those that are there stay.
bool release_golden(const std::filesystem::path& folder, const contract::Shape& shape) {
  const auto message = contract::sample(shape);
  const auto states = contract::released_states(folder, shape);
  if (!states.empty()) {
    const auto last = contract::read_golden(read(folder / states.back()));
    if (last && last->bytes == message->SerializeAsString()) return true;
  }
  const std::string name = shape.file_name(static_cast<int>(states.size()) + 1);
  std::cout << "golden/" << name << ": is new\n";
  return write(folder / name, contract::write_golden(*message));
}

bool write_fix_table(const std::filesystem::path& readme, const contract::FileDescriptorSet& schema) {
  const std::string content = read(readme);
  const auto written = contract::with_fix_table(content, contract::fix_table(schema));
  if (!written) std::cerr << readme << " does not hold the two lines between which the table of FIX belongs\n";
  return written && (*written == content || write(readme, *written));
}

/// Absent: what was released cannot be read, or is broken; that has been said.
std::optional<std::vector<std::string>> additions_to(const std::filesystem::path& folder,
                                                     const contract::FileDescriptorSet& current) {
  contract::FileDescriptorSet released;
  if (!read_released(folder / contract::ReleasedFile, released)) {
    std::cerr << folder / contract::ReleasedFile << " is not a descriptor set; take it from the last commit\n";
    return std::nullopt;
  }
  auto difference = contract::compare(released, current);
  if (difference.breaks.empty()) return std::move(difference.additions);
  std::cerr << contract::explain_breaks(difference.breaks);
  return std::nullopt;
}

bool release(const std::filesystem::path& folder, const std::filesystem::path& readme,
             const std::vector<std::string>& additions, const contract::FileDescriptorSet& current) {
  for (const auto& addition : additions) std::cout << addition << "\n";
  if (!write(folder / contract::ReleasedFile, current.SerializeAsString())) return false;
  for (const auto& shape : contract::shapes()) {
    if (!release_golden(folder / "golden", shape)) return false;
  }
  if (!write_fix_table(readme, current)) return false;
  std::cout << additions.size() << " additions released\n";
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h")) {
    std::cout << Usage;
    return EXIT_SUCCESS;
  }
  const bool only_check = std::erase(arguments, "--check") > 0;
  if (arguments.size() != (only_check ? 1U : 2U) || !std::filesystem::is_directory(arguments.front())) {
    std::cerr << Usage;
    return 2;
  }
  const auto current = contract::current_schema();
  const auto additions = additions_to(arguments[0], current);
  if (only_check) return additions ? EXIT_SUCCESS : EXIT_FAILURE;
  if (!additions) std::cerr << "Nothing was written.\n";
  return additions && release(arguments[0], arguments[1], *additions, current) ? EXIT_SUCCESS : EXIT_FAILURE;
}
