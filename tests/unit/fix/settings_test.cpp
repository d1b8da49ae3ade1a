#include "clients/fix/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cancelbus::fix {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* Good = R"(
# A comment.
[DEFAULT]
BeginString = FIX.4.4
SenderCompID=CANCELBUS
SocketAcceptPort=9876
FileStorePath=/var/lib/cancel-fix
StartTime=06:00:00

[SESSION]
TargetCompID=DESK-A
Sender=desk-a
EndTime=22:00:00

[session]
TargetCompID=DROP
DropCopy=Y
)";

std::string complaint(const std::string& text) {
  const auto settings = read_settings(text);
  return settings.ok() ? "" : std::string(settings.status().message());
}

TEST(Settings, DefaultsCountForEverySession) {
  const auto settings = read_settings(Good);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->acceptor.port, 9876);
  EXPECT_EQ(settings->acceptor.address, "127.0.0.1");
  EXPECT_EQ(settings->store_path, "/var/lib/cancel-fix");
  ASSERT_EQ(settings->sessions.size(), 2U);
  const SessionSettings& desk = settings->sessions[0];
  EXPECT_EQ(desk.sender_comp_id, "CANCELBUS");
  EXPECT_EQ(desk.target_comp_id, "DESK-A");
  EXPECT_EQ(desk.sender, "desk-a");
  EXPECT_THAT(desk.quickfix, Contains(Pair("StartTime", "06:00:00")));
  EXPECT_THAT(desk.quickfix, Contains(Pair("EndTime", "22:00:00")));
  const SessionSettings& drop = settings->sessions[1];
  EXPECT_TRUE(drop.drop_copy);
  EXPECT_THAT(drop.quickfix, Contains(Pair("EndTime", "00:00:00")));
}

TEST(Settings, TheLineAtFaultIsNamed) {
  const std::string good = Good;
  EXPECT_EQ(complaint(good), "");
  EXPECT_THAT(complaint(good + "Nonsense=1\n"), HasSubstr("line 18: Nonsense is not a setting"));
  EXPECT_THAT(complaint(good + "Sender\n"), HasSubstr("line 18: expected NAME=VALUE"));
  EXPECT_THAT(complaint(good + "DropCopy=N\n"), HasSubstr("line 18: DropCopy is given twice"));
  EXPECT_THAT(complaint("Sender=a\n"), HasSubstr("line 1: Sender stands before the first"));
  EXPECT_THAT(complaint("[DEFAULT]\nFileStorePath=/x\nSocketAcceptPort=1\n"), HasSubstr("[SESSION]: there is none"));
  EXPECT_THAT(complaint(good + "[SESSION]\nTargetCompID=DROP\nDropCopy=Y\n"), HasSubstr("two sessions"));
  EXPECT_THAT(complaint(good + "[SESSION]\nTargetCompID=X\nDropCopy=y\n"), HasSubstr("neither Y nor N"));
}

}  // namespace
}  // namespace cancelbus::fix
