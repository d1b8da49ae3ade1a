#include "clients/cancelctl/paint.hpp"

#include <gtest/gtest.h>

#include <map>

namespace cancelbus::ctl {
namespace {

bool colored(Color color, bool on_terminal, std::map<std::string, std::string> variables, bool json = false) {
  Arguments arguments;
  arguments.color = color;
  arguments.json = json;
  return wants_color(arguments, on_terminal, [&](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(Paint, OnlyOnATerminalThatShowsColours) {
  EXPECT_TRUE(colored(Color::Auto, true, {{"TERM", "xterm"}}));
  EXPECT_TRUE(colored(Color::Auto, true, {{"TERM", "xterm"}, {"NO_COLOR", ""}}));
  EXPECT_FALSE(colored(Color::Auto, false, {{"TERM", "xterm"}}));
  EXPECT_FALSE(colored(Color::Auto, true, {{"TERM", "dumb"}}));
  EXPECT_FALSE(colored(Color::Auto, true, {}));
  EXPECT_FALSE(colored(Color::Auto, true, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}));
}

TEST(Paint, TheFlagWinsButNotOverJson) {
  EXPECT_TRUE(colored(Color::Always, false, {{"NO_COLOR", "1"}}));
  EXPECT_FALSE(colored(Color::Never, true, {{"TERM", "xterm"}}));
  EXPECT_FALSE(colored(Color::Always, true, {{"TERM", "xterm"}}, true));
}

TEST(Paint, EndsWhatItBegins) {
  EXPECT_EQ(Paint(true)(Tone::Bad, "no"), "\x1b[31mno\x1b[0m");
  EXPECT_EQ(Paint(true)(Tone::Plain, "no"), "no");
  EXPECT_EQ(Paint()(Tone::Bad, "no"), "no");
}

TEST(Paint, AFinalIsGoodOnlyIfTheOrderIsGone) {
  v1::CancelFinal final;
  final.set_ord_status(v1::ORD_STATUS_FILLED);
  EXPECT_EQ(tone_of(final), Tone::Good);
  final.set_ord_status(v1::ORD_STATUS_NEW);
  EXPECT_EQ(tone_of(final), Tone::Bad);
}

}  // namespace
}  // namespace cancelbus::ctl
