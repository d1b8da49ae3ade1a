#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "tests/contract/elements.hpp"
#include "tests/contract/schema.hpp"

namespace contract {
namespace {

bool is_fix_value(const std::string& value) {
  return !value.empty() && value.size() <= 3 &&
         std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
}

class Judge {
 public:
  void look_at(const Element& element) {
    name_ = element.parent + "." + element.name;
    for (const auto& [attribute, value] : element.attributes) {
      if (attribute == "FIX tag") look_at_tag(element, value);
      if (attribute == "FIX MsgType") look_at_value("MsgType", value, msg_types_[value]);
      if (attribute == "FIX value") look_at_value("value", value, values_[{element.parent, value}]);
    }
    if (element.attributes.at("kind") == "enum value") look_at_enum_value(element);
  }

  std::vector<std::string> take() { return std::move(faults_); }

 private:
  void fault(const std::string& text) { faults_.push_back(name_ + ": " + text); }

  void look_at_tag(const Element& element, const std::string& tag) {
    if (tag == "0") fault("FIX tag is 0");
    if (!tags_.insert({element.parent, tag}).second) fault("FIX tag " + tag + " stands twice in " + element.parent);
    const std::string& type = element.attributes.at("type");
    const std::string& first = types_.emplace(tag, type).first->second;
    if (first != type) fault("FIX tag " + tag + " has type " + type + " here and " + first + " elsewhere");
  }

  /// `owner`: who has this value already.
  void look_at_value(const std::string& what, const std::string& value, std::string& owner) {
    if (!is_fix_value(value)) fault("FIX " + what + " \"" + value + "\" is not 1 to 3 letters or digits");
    if (!owner.empty()) fault("FIX " + what + " " + value + " is " + owner + "'s");
    owner = name_;
  }

  void look_at_enum_value(const Element& element) {
    const std::string prefix = value_prefix(element.parent);
    if (!element.name.starts_with(prefix)) fault("does not begin with " + prefix);
    if (element.number == 0 && element.name != prefix + "UNSPECIFIED")
      fault("is 0, which is for " + prefix + "UNSPECIFIED");
  }

  std::string name_;
  std::vector<std::string> faults_;
  std::set<std::pair<std::string, std::string>> tags_;
  std::map<std::string, std::string> types_;
  std::map<std::string, std::string> msg_types_;
  std::map<std::pair<std::string, std::string>, std::string> values_;
};

}  // namespace

std::vector<std::string> faults(const FileDescriptorSet& schema) {
  Judge judge;
  for (const Element& element : elements(schema)) judge.look_at(element);
  return judge.take();
}

}  // namespace contract
