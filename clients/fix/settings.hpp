// The settings file of cancel-fix: QuickFIX's format and names, and a few of our own.
//
// Used by options.cpp. Pure. A name that is not known is an error, so that a misspelled one is not taken for left out.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cancelbus::fix {

/// One FIX session.
struct SessionSettings {
  std::string sender_comp_id;  ///< ours: 49 of what we send
  std::string target_comp_id;  ///< the counterparty's: 56 of what we send
  /// The sender on the bus; empty for a drop copy.
  std::string sender;
  bool drop_copy = false;
  /// The common name that the client's certificate must have; empty: any that the authorities have signed.
  std::string certificate_name;
  /// What QuickFIX reads, with defaults filled in.
  std::map<std::string, std::string> quickfix;
};

/// Whom the acceptor takes connections from, and how.
struct AcceptorSettings {
  std::string address = "127.0.0.1";
  uint16_t port = 0;
  /// PEM files; without the first two connections are plain.
  std::string certificate_file;
  std::string key_file;
  /// Authorities of clients' certificates. With it a client without a valid certificate is refused.
  std::string client_ca_file;
};

struct Settings {
  AcceptorSettings acceptor;
  std::string store_path;  ///< folder of the message store
  std::string dictionary;  ///< file of a data dictionary; empty: the one that is built in
  std::vector<SessionSettings> sessions;
};

/// Errors name the line or the setting, and say what to do.
absl::StatusOr<Settings> read_settings(std::string_view text);

}  // namespace cancelbus::fix
