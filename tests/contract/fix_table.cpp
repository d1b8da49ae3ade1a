#include "tests/contract/fix_table.hpp"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/contract/elements.hpp"

namespace contract {
namespace {

constexpr std::string_view Begin = "<!-- FIX: tests/contract/release writes what follows -->\n";
constexpr std::string_view End = "<!-- FIX: until here -->\n";
constexpr std::string_view Package = "cancelbus.v1.";

std::string without_package(std::string name) {
  const auto at = name.find(Package);
  return at == std::string::npos ? name : name.substr(at + Package.size());
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

/// What shares one line of the table.
struct Row {
  std::vector<std::string> messages;
  /// Full name of the fields' enum; empty if they have none.
  std::string enumeration;
};

struct Table {
  std::map<std::string, std::string> messages;            // by MsgType
  std::map<std::pair<int, std::string>, Row> fields;      // by tag and field name
  std::map<std::string, std::vector<std::string>> enums;  // by full name: "CANCELED 4"
};

void add(const Element& element, Table& table) {
  const auto& attributes = element.attributes;
  if (const auto type = attributes.find("FIX MsgType"); type != attributes.end()) {
    table.messages.emplace(type->second, element.name);
  }
  if (const auto tag = attributes.find("FIX tag"); tag != attributes.end()) {
    Row& row = table.fields[{std::stoi(tag->second), element.name}];
    row.messages.push_back("`" + without_package(element.parent) + "`");
    const std::string& type = attributes.at("type");
    if (type.starts_with('.')) row.enumeration = type.substr(1);
  }
  if (const auto value = attributes.find("FIX value"); value != attributes.end()) {
    table.enums[element.parent].push_back(element.name.substr(value_prefix(element.parent).size()) + " " +
                                          value->second);
  }
}

}  // namespace

std::string fix_table(const FileDescriptorSet& schema) {
  Table table;
  for (const Element& element : elements(schema)) add(element, table);
  std::string text = "| FIX | field | of | values |\n|---|---|---|---|\n";
  for (const auto& [type, message] : table.messages) text += "| 35=" + type + " | | `" + message + "` | |\n";
  std::set<std::string> shown;
  for (const auto& [key, row] : table.fields) {
    const auto& [tag, name] = key;
    text += "| " + std::to_string(tag) + " | `" + name + "` | " + joined(row.messages) + " | ";
    if (const auto values = table.enums.find(row.enumeration); values != table.enums.end()) {
      text += shown.insert(row.enumeration).second ? joined(values->second) + " " : "as above ";
    }
    text += "|\n";
  }
  return text;
}

std::optional<std::string> with_fix_table(std::string_view readme, std::string_view table) {
  const auto begin = readme.find(Begin);
  const auto end = readme.find(End);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return std::nullopt;
  return std::string(readme.substr(0, begin + Begin.size())).append(table).append(readme.substr(end));
}

}  // namespace contract
