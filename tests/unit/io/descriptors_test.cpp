#include "service/io/descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace cancelbus::io {
namespace {

class DescriptorsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0); }
  void TearDown() override {
    for (const int number : taken) ::close(number);
    ::setrlimit(RLIMIT_NOFILE, &before);
  }

  void allow(rlim_t many) {
    const rlimit few{many, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  bool take_one() {
    const int number = ::dup(STDERR_FILENO);
    if (number >= 0) taken.push_back(number);
    return number >= 0;
  }

  rlimit before{};
  std::vector<int> taken;
};

TEST_F(DescriptorsTest, TheLimitIsRaisedToWhatTheSystemAllows) {
  allow(64);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
}

TEST_F(DescriptorsTest, TellsWhenFewAreLeft) {
  allow(64);
  EXPECT_FALSE(fewer_descriptors_than(10));
  EXPECT_TRUE(fewer_descriptors_than(64));
  while (!fewer_descriptors_than(10)) ASSERT_TRUE(take_one());
  EXPECT_FALSE(fewer_descriptors_than(9));
  while (take_one()) {
  }
  EXPECT_TRUE(fewer_descriptors_than(1));
}

// Of many who knock at once the first are refused before the last have been asked who they are: what is free lies low.
TEST_F(DescriptorsTest, FewAreLeftAlsoWhereTheLowestAreFree) {
  allow(64);
  while (take_one()) {
  }
  for (int i = 0; i < 9; ++i) {
    ::close(taken.front());
    taken.erase(taken.begin());
  }
  EXPECT_TRUE(fewer_descriptors_than(10));
  EXPECT_FALSE(fewer_descriptors_than(9));
}

TEST_F(DescriptorsTest, AFileCanBeOpenedWhereNoneIsLeft) {
  allow(64);
  while (take_one()) {
  }
  ASSERT_EQ(Descriptor(::open("/", O_RDONLY)).number, -1);
  ASSERT_EQ(errno, EMFILE);
  bool opened = false;
  with_own_descriptors([&] { opened = Descriptor(::open("/", O_RDONLY)).number >= 0; });
  EXPECT_TRUE(opened);
  EXPECT_EQ(Descriptor(::open("/", O_RDONLY)).number, -1) << "none was given back here";
}

}  // namespace
}  // namespace cancelbus::io
