// Every message of the contract reads and writes the bytes that were released.
#include "tests/contract/golden.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
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

/// What to do about a failure here, unless the contract was broken.
constexpr const char* Advice =
    "\nIf proto/ has gained it, run tests/contract/release, read what it wrote, and commit it. If nothing was gained, "
    "the contract is broken: see proto/README.md.";

struct Released {
  Shape shape;
  std::string file;
};

/// Of every shape every state.
std::vector<Released> all_released() {
  std::vector<Released> all;
  for (const Shape& shape : shapes()) {
    for (auto& file : released_states(folder(), shape)) all.push_back({shape, std::move(file)});
  }
  return all;
}

std::string read_file(const std::string& name) {
  std::ifstream file(folder() / name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class EveryGolden : public testing::TestWithParam<Released> {
 protected:
  void SetUp() override {
    const auto golden = read_golden(read_file(GetParam().file));
    ASSERT_TRUE(golden) << "tests/contract/golden/" << GetParam().file << " is not a golden";
    golden_ = *golden;
    ASSERT_TRUE(message_->ParseFromString(golden_.bytes)) << "the released bytes cannot be read any more";
  }

  Golden golden_;
  std::unique_ptr<Message> message_ = make(GetParam().shape);
};

TEST_P(EveryGolden, IsReadAsReleased) {
  auto expected = make(GetParam().shape);
  ASSERT_TRUE(TextFormat::ParseFromString(golden_.text, expected.get()))
      << "a name in the golden is not known any more";
  MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(*expected, *message_)) << differences << Advice;
}

TEST_P(EveryGolden, IsWrittenAsReleased) {
  EXPECT_EQ(message_->SerializeAsString(), golden_.bytes) << message_->DebugString() << Advice;
}

std::string test_name(std::string file) {
  file.resize(file.size() - std::string_view(".golden").size());
  std::ranges::replace(file, '.', '_');
  return file;
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryGolden, testing::ValuesIn(all_released()),
                         [](const auto& tested) { return test_name(tested.param.file); });

class EveryMessage : public testing::TestWithParam<Shape> {};

TEST_P(EveryMessage, HasEveryFieldInItsLastGolden) {
  const auto states = released_states(folder(), GetParam());
  ASSERT_FALSE(states.empty()) << "tests/contract/golden/" << GetParam().file_name() << " is missing." << Advice;
  const auto golden = read_golden(read_file(states.back()));
  const auto message = make(GetParam());
  ASSERT_TRUE(golden && message->ParseFromString(golden->bytes)) << states.back() << " cannot be read";
  EXPECT_THAT(missing_fields(GetParam(), *message), IsEmpty()) << "not in the golden." << Advice;
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryMessage, testing::ValuesIn(shapes()),
                         [](const auto& tested) { return test_name(tested.param.file_name()); });

TEST(Golden, NoneIsLeftOver) {
  std::set<std::string> known;
  for (const Released& released : all_released()) known.insert(released.file);
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() != ".golden") continue;
    EXPECT_TRUE(known.contains(entry.path().filename()))
        << entry.path().filename() << " is of a message that is gone, or one of its former states is: neither is ever "
        << "removed.";
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
