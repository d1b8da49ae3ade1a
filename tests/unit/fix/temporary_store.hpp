// A store in a folder of its own, which goes with it.
//
// Used by the tests of store and desk.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "clients/fix/store.hpp"

namespace cancelbus::fix {

class TemporaryStore {
 public:
  TemporaryStore() {
    std::string name = testing::TempDir() + "fix-store-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    reopen();
  }
  ~TemporaryStore() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// As a process that starts again: what was not committed is gone.
  void reopen() {
    store_.reset();
    auto opened = Store::open(folder_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace cancelbus::fix
