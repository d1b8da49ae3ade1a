// Every message of the contract reads and writes the bytes that were released.
#include "tests/contract/golden.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace contract {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using google::protobuf::util::MessageDifferencer;
using testing::IsEmpty;

const std::filesystem::path& folder() {
  static const std::filesystem::path path = std::filesystem::path(CONTRACT_FOLDER) / "golden";
  return path;
}

/// What every failure here is mended by, unless the contract was broken.
constexpr const char* Advice =
    "\nIf proto/ has gained it, run tests/contract/release, read what it wrote, and commit it. If nothing was gained, "
    "the "
    "contract is broken: see proto/README.md.";

class EveryMessage : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    std::ifstream file(folder() / GetParam().file_name());
    ASSERT_TRUE(file) << "tests/contract/golden/" << GetParam().file_name() << " is missing." << Advice;
    const std::string content(std::istreambuf_iterator<char>(file), {});
    const auto golden = read_golden(content);
    ASSERT_TRUE(golden) << "tests/contract/golden/" << GetParam().file_name() << " is not a golden";
    golden_ = *golden;
    ASSERT_TRUE(message_->ParseFromString(golden_.bytes)) << "the released bytes cannot be read any more";
  }

  Golden golden_;
  std::unique_ptr<Message> message_ = make(GetParam());
};

TEST_P(EveryMessage, ReadsTheReleasedBytes) {
  auto expected = make(GetParam());
  ASSERT_TRUE(TextFormat::ParseFromString(golden_.text, expected.get()))
      << "a name in the golden is not known any more";
  MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(*expected, *message_)) << differences << Advice;
}

TEST_P(EveryMessage, WritesTheReleasedBytes) {
  EXPECT_EQ(message_->SerializeAsString(), golden_.bytes) << message_->DebugString() << Advice;
}

TEST_P(EveryMessage, HasEveryFieldInItsGolden) {
  EXPECT_THAT(missing_fields(GetParam(), *message_), IsEmpty()) << "not in the golden." << Advice;
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryMessage, testing::ValuesIn(shapes()), [](const auto& tested) {
  std::string name = tested.param.file_name();
  name.resize(name.size() - std::string_view(".golden").size());
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
});

TEST(Golden, NoneIsLeftOver) {
  std::set<std::string> wanted;
  for (const Shape& shape : shapes()) wanted.insert(shape.file_name());
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    EXPECT_TRUE(wanted.contains(entry.path().filename()))
        << entry.path().filename() << " is the golden of a message that is gone: messages are never removed.";
  }
}

TEST(Golden, IsReadAsWritten) {
  const Shape shape = shapes().front();
  const auto golden = read_golden(write_golden(*sample(shape)));
  ASSERT_TRUE(golden);
  EXPECT_EQ(golden->bytes, sample(shape)->SerializeAsString());
  EXPECT_THAT(missing_fields(shape, *sample(shape)), IsEmpty());
  EXPECT_EQ(missing_fields(shape, *make(shape)).size(), static_cast<std::size_t>(shape.message->field_count()));
}

TEST(Golden, IsRefusedWhenSpoiled) {
  EXPECT_FALSE(read_golden(""));
  EXPECT_FALSE(read_golden("0a05"));
  EXPECT_FALSE(read_golden("0a05\n"));
  EXPECT_FALSE(read_golden("0a0\n\ntext"));
  EXPECT_FALSE(read_golden("0a 5\n\ntext"));
  EXPECT_FALSE(read_golden("zz\n\ntext"));
}

}  // namespace
}  // namespace contract
