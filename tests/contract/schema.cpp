#include "tests/contract/schema.hpp"

#include <google/protobuf/descriptor.h>

#include <map>
#include <set>
#include <utility>

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/cancel.pb.h"
#include "cancelbus/v1/fix.pb.h"
#include "cancelbus/v1/session.pb.h"
#include "tests/contract/elements.hpp"

namespace contract {
namespace {

namespace v1 = cancelbus::v1;
using google::protobuf::FileDescriptor;

void add_with_imports(const FileDescriptor* file, std::set<const FileDescriptor*>& added, FileDescriptorSet& set) {
  if (!added.insert(file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) add_with_imports(file->dependency(i), added, set);
  auto& copy = *set.add_file();
  file->CopyTo(&copy);
  file->CopyJsonNameTo(&copy);  // as protoc writes it
}

/// By name, and by number to recognise what was renamed.
class Index {
 public:
  explicit Index(const std::vector<Element>& elements) {
    for (const Element& element : elements) {
      by_name_.emplace(element.parent + "." + element.name, &element);
      if (element.number) by_number_.emplace(std::pair(element.parent, *element.number), &element);
    }
  }

  const Element* same_name(const Element& element) const {
    const auto found = by_name_.find(element.parent + "." + element.name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  const Element* same_number(const Element& element) const {
    if (!element.number) return nullptr;
    const auto found = by_number_.find({element.parent, *element.number});
    return found == by_number_.end() ? nullptr : found->second;
  }

 private:
  std::map<std::string, const Element*> by_name_;
  std::map<std::pair<std::string, int>, const Element*> by_number_;
};

void compare_element(const Element& was, const Element& is, Difference& difference) {
  const std::string name = was.parent + "." + was.name + ": ";
  if (was.number != is.number) {
    difference.breaks.push_back(name + "number was " + std::to_string(was.number.value_or(0)) + ", is " +
                                std::to_string(is.number.value_or(0)));
  }
  for (const auto& [attribute, value] : was.attributes) {
    const auto found = is.attributes.find(attribute);
    const std::string now = found == is.attributes.end() ? "none" : found->second;
    if (now != value) difference.breaks.push_back(name + attribute + " was " + value + ", is " + now);
  }
  for (const auto& [attribute, value] : is.attributes) {
    if (was.attributes.contains(attribute)) continue;
    // A FIX option that was not there tells more; anything else that was not there tells otherwise.
    auto& list = attribute.starts_with("FIX") ? difference.additions : difference.breaks;
    list.push_back(name + attribute + " was none, is " + value);
  }
}

std::string listed(const std::string& heading, const std::vector<std::string>& lines, const std::string& advice) {
  std::string text = heading + "\n";
  for (const auto& line : lines) text += "  - " + line + "\n";
  return text + advice + "\n";
}

}  // namespace

FileDescriptorSet current_schema() {
  FileDescriptorSet set;
  std::set<const FileDescriptor*> added;
  for (const FileDescriptor* file : {v1::CancelOrder::descriptor()->file(), v1::SessionRequest::descriptor()->file(),
                                     v1::BackendRequest::descriptor()->file()}) {
    add_with_imports(file, added, set);
  }
  return set;
}

Difference compare(const FileDescriptorSet& released, const FileDescriptorSet& current) {
  const std::vector<Element> before = elements(released);
  const std::vector<Element> now = elements(current);
  const Index before_index(before);
  const Index now_index(now);
  Difference difference;
  std::set<const Element*> renamed;
  for (const Element& was : before) {
    if (const Element* is = now_index.same_name(was)) {
      compare_element(was, *is, difference);
    } else if (const Element* other = now_index.same_number(was); other != nullptr && !before_index.same_name(*other)) {
      renamed.insert(other);
      difference.breaks.push_back(was.parent + "." + was.name + ": name was " + was.name + ", is " + other->name);
    } else {
      difference.breaks.push_back(was.parent + "." + was.name + ": was removed");
    }
  }
  for (const Element& is : now) {
    if (!before_index.same_name(is) && !renamed.contains(&is)) {
      difference.additions.push_back(is.parent + "." + is.name + ": is new");
    }
  }
  return difference;
}

std::string explain_breaks(const std::vector<std::string>& breaks) {
  return listed(
      "cancelbus.v1 is frozen, and proto/ now breaks it:", breaks,
      "A peer that was built against what was released would misread this. Put it back. A field that is no longer\n"
      "wanted stays, with a comment that says so; a new meaning is a new field with a new number. What cannot\n"
      "be said that way is a new package, cancelbus.v2, beside this one: see proto/README.md.");
}

std::string explain_additions(const std::vector<std::string>& additions) {
  return listed(
      "proto/ has additions that are not released:", additions,
      "Run tests/contract/release, read what it wrote with `git diff`, and commit it with the change of proto/.");
}

}  // namespace contract
