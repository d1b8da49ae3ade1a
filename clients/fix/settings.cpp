#include "clients/fix/settings.hpp"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace cancelbus::fix {
namespace {

using Block = std::map<std::string, std::string>;

/// QuickFIX's, of a session; each may stand in [DEFAULT] too.
constexpr std::array QuickFixNames = {"BeginString",
                                      "SenderCompID",
                                      "TargetCompID",
                                      "ConnectionType",
                                      "StartTime",
                                      "EndTime",
                                      "StartDay",
                                      "EndDay",
                                      "LogonTime",
                                      "LogoutTime",
                                      "LogonDay",
                                      "LogoutDay",
                                      "UseLocalTime",
                                      "CheckCompID",
                                      "CheckLatency",
                                      "MaxLatency",
                                      "LogonTimeout",
                                      "LogoutTimeout",
                                      "ResetOnLogon",
                                      "ResetOnLogout",
                                      "ResetOnDisconnect",
                                      "SendRedundantResendRequests",
                                      "TimestampPrecision",
                                      "ValidateFieldsOutOfOrder",
                                      "ValidateFieldsHaveValues",
                                      "ValidateUserDefinedFields",
                                      "AllowUnknownMsgFields"};
/// Of the acceptor: in [DEFAULT] alone.
constexpr std::array AcceptorNames = {
    "SocketAcceptPort", "SocketAcceptAddress",          "ServerCertificateFile", "ServerCertificateKeyFile",
    "FileStorePath",    "CertificationAuthoritiesFile", "DataDictionary"};
/// Ours, of a session.
constexpr std::array OurNames = {"Sender", "DropCopy", "CertificateName"};

template <typename Names>
bool is_among(const Names& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

absl::Status wrong(const std::string& what, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", why));
}

std::string stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

struct Blocks {
  Block defaults;
  std::vector<Block> sessions;
};

absl::Status take_line(const std::string& line, int number, Blocks& blocks, Block*& block) {
  const std::string at = absl::StrCat("line ", number);
  if (line.front() == '[') {
    const std::string name = absl::AsciiStrToUpper(line);
    if (name == "[DEFAULT]") {
      block = &blocks.defaults;
    } else if (name == "[SESSION]") {
      block = &blocks.sessions.emplace_back();
    } else {
      return wrong(at, absl::StrCat(line, " is neither [DEFAULT] nor [SESSION]"));
    }
    return absl::OkStatus();
  }
  const size_t equals = line.find('=');
  if (equals == std::string::npos) return wrong(at, "expected NAME=VALUE, [DEFAULT], [SESSION] or a comment (#)");
  const std::string name = stripped(line.substr(0, equals));
  const std::string value = stripped(line.substr(equals + 1));
  if (block == nullptr) return wrong(at, absl::StrCat(name, " stands before the first [DEFAULT] or [SESSION]"));
  const bool of_session = is_among(QuickFixNames, name) || is_among(OurNames, name);
  const bool of_acceptor = is_among(AcceptorNames, name);
  if (!of_session && !of_acceptor) {
    return wrong(at, absl::StrCat(name, " is not a setting of cancel-fix: see clients/fix/README.md"));
  }
  if (of_acceptor && block != &blocks.defaults) {
    return wrong(at, absl::StrCat(name, " is for all sessions: move it to [DEFAULT]"));
  }
  if (value.empty()) return wrong(at, absl::StrCat(name, " has no value"));
  if (!block->emplace(name, value).second) return wrong(at, absl::StrCat(name, " is given twice"));
  return absl::OkStatus();
}

absl::StatusOr<Blocks> blocks_of(std::string_view text) {
  Blocks blocks;
  Block* block = nullptr;
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = stripped(text.substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty() || line.front() == '#') continue;
    // A pointer into the vector stays valid until the next [SESSION], which replaces it.
    if (auto status = take_line(line, number, blocks, block); !status.ok()) return status;
  }
  return blocks;
}

std::string take(Block& block, const std::string& name) {
  const auto found = block.extract(name);
  return found ? found.mapped() : std::string();
}

absl::StatusOr<AcceptorSettings> acceptor_of(Block& defaults) {
  AcceptorSettings acceptor;
  const std::string port = take(defaults, "SocketAcceptPort");
  uint32_t number = 0;
  if (!absl::SimpleAtoi(port, &number) || number > 65535) {
    return wrong("SocketAcceptPort", absl::StrCat("\"", port, "\" is not a port; 0 is any free one"));
  }
  acceptor.port = static_cast<uint16_t>(number);
  if (std::string address = take(defaults, "SocketAcceptAddress"); !address.empty()) acceptor.address = address;
  acceptor.certificate_file = take(defaults, "ServerCertificateFile");
  acceptor.key_file = take(defaults, "ServerCertificateKeyFile");
  acceptor.client_ca_file = take(defaults, "CertificationAuthoritiesFile");
  if (acceptor.certificate_file.empty() != acceptor.key_file.empty()) {
    return wrong("ServerCertificateFile, ServerCertificateKeyFile", "give both, or none for plain connections");
  }
  if (acceptor.certificate_file.empty() && !acceptor.client_ca_file.empty()) {
    return wrong("CertificationAuthoritiesFile",
                 "clients show certificates only to a server that has one: give "
                 "ServerCertificateFile and ServerCertificateKeyFile");
  }
  return acceptor;
}

absl::StatusOr<bool> yes_or_no(const std::string& name, const std::string& value) {
  if (value == "Y") return true;
  if (value.empty() || value == "N") return false;
  return wrong(name, absl::StrCat("\"", value, "\" is neither Y nor N"));
}

bool is_comp_id(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '='; });
}

absl::StatusOr<SessionSettings> session_of(Block block, const Block& defaults) {
  block.insert(defaults.begin(), defaults.end());
  SessionSettings session;
  session.sender_comp_id = take(block, "SenderCompID");
  session.target_comp_id = take(block, "TargetCompID");
  for (const auto& [name, value] :
       {std::pair{"SenderCompID", session.sender_comp_id}, {"TargetCompID", session.target_comp_id}}) {
    if (!is_comp_id(value)) return wrong(name, absl::StrCat("\"", value, "\" is not 1 to 64 printable characters"));
  }
  const std::string at = "session of TargetCompID=" + session.target_comp_id;
  const std::string version = take(block, "BeginString");
  if (version != "FIX.4.4") {
    return wrong(at, absl::StrCat("BeginString=", version, ": cancel-fix speaks FIX.4.4 alone"));
  }
  const std::string type = take(block, "ConnectionType");
  if (!type.empty() && type != "acceptor") {
    return wrong(at, absl::StrCat("ConnectionType=", type, ": cancel-fix is an acceptor"));
  }
  session.sender = take(block, "Sender");
  session.certificate_name = take(block, "CertificateName");
  const auto drop_copy = yes_or_no("DropCopy", take(block, "DropCopy"));
  if (!drop_copy.ok()) return wrong(at, std::string(drop_copy.status().message()));
  session.drop_copy = *drop_copy;
  if (session.drop_copy != session.sender.empty()) {
    return wrong(at, "give Sender=, the sender_comp_id on the bus, or DropCopy=Y, and not both");
  }
  block.try_emplace("StartTime", "00:00:00");
  block.try_emplace("EndTime", "00:00:00");
  session.quickfix = std::move(block);
  return session;
}

absl::Status check_names(const std::vector<SessionSettings>& sessions) {
  std::set<std::pair<std::string, std::string>> comp_ids;
  std::set<std::string> senders;
  for (const SessionSettings& session : sessions) {
    if (!comp_ids.emplace(session.sender_comp_id, session.target_comp_id).second) {
      return wrong("TargetCompID",
                   absl::StrCat(session.target_comp_id, " has two sessions with the same SenderCompID"));
    }
    if (!session.drop_copy && !senders.insert(session.sender).second) {
      return wrong("Sender", absl::StrCat(session.sender, " has two sessions: one sender is one session"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> read_settings(std::string_view text) {
  auto blocks = blocks_of(text);
  if (!blocks.ok()) return blocks.status();
  Settings settings;
  settings.store_path = take(blocks->defaults, "FileStorePath");
  if (settings.store_path.empty()) return wrong("FileStorePath", "is missing: the folder of the message store");
  settings.dictionary = take(blocks->defaults, "DataDictionary");
  auto acceptor = acceptor_of(blocks->defaults);
  if (!acceptor.ok()) return acceptor.status();
  settings.acceptor = *std::move(acceptor);
  for (Block& block : blocks->sessions) {
    if (block.contains("CertificateName") && settings.acceptor.client_ca_file.empty()) {
      return wrong("CertificateName",
                   "clients show certificates only with CertificationAuthoritiesFile: give that too");
    }
    auto session = session_of(std::move(block), blocks->defaults);
    if (!session.ok()) return session.status();
    settings.sessions.push_back(*std::move(session));
  }
  if (settings.sessions.empty()) return wrong("[SESSION]", "there is none");
  if (auto status = check_names(settings.sessions); !status.ok()) return status;
  return settings;
}

}  // namespace cancelbus::fix
