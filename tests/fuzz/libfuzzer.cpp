// fuzz --target=NAME [libFuzzer's flags] [CORPUS...]: one target under libFuzzer. --targets lists them; --seeds=FOLDER
// writes the seeds of each into FOLDER/NAME/. Called by tests/fuzz/run; libFuzzer itself ignores what begins with --.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "tests/fuzz/targets.hpp"

namespace {

using cancelbus::fuzz::Target;
using cancelbus::fuzz::targets;

const Target* chosen = nullptr;

[[noreturn]] void list_targets() {
  for (const Target& target : targets()) std::puts(target.name);
  std::exit(0);
}

[[noreturn]] void write_seeds(const std::filesystem::path& folder) {
  for (const Target& target : targets()) {
    std::filesystem::create_directories(folder / target.name);
    size_t number = 0;
    for (const std::string& seed : target.seeds()) {
      std::ofstream file(folder / target.name / ("seed-" + std::to_string(number++)), std::ios::binary);
      file << seed;
      file.close();
      if (!file) std::exit(1);
    }
  }
  std::exit(0);
}

bool choose(std::string_view name) {
  for (const Target& target : targets()) {
    if (target.name == name) chosen = &target;
  }
  return chosen != nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view Name = "--target=", Seeds = "--seeds=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view argument = (*argv)[i];
    if (argument == "--targets") list_targets();
    if (argument.starts_with(Seeds)) write_seeds(argument.substr(Seeds.size()));
    if (argument.starts_with(Name)) choose(argument.substr(Name.size()));
  }
  if (chosen == nullptr) {
    std::fputs("usage: fuzz --target=NAME [FLAG...] [CORPUS...], or --targets, or --seeds=FOLDER\n", stderr);
    std::exit(2);
  }
  cancelbus::fuzz::silence_libraries();
  return 0;
}

// An exception ends the process, which libFuzzer takes for the crash that it is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
