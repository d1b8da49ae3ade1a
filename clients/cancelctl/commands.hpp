// What cancelctl's commands do once the command line is understood.
//
// Used by main(). Each returns an exit code; all output goes to the streams given.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <ostream>

#include "cancelbus/client.hpp"
#include "clients/cancelctl/arguments.hpp"
#include "clients/cancelctl/paint.hpp"

namespace cancelbus::ctl {

struct Console {
  std::ostream& out;
  std::ostream& err;
  Paint paint;
  /// `out` is a terminal that can be drawn on.
  bool terminal;
  /// Show on `err` how far a batch has come.
  bool progress;
  /// Set by a signal: stop and say what is known.
  const std::atomic<bool>& interrupted;
  /// What is written to `out` is read by no one: a command that runs until it is ended ends.
  std::function<bool()> unread = [] { return false; };
  /// Reads a line that a person types; none: there is no terminal to ask at.
  std::function<std::string()> ask = {};
};

int run(const Arguments& arguments, Console& console);

// Between the commands.
int run_cancel(const Arguments& arguments, client::Client& bus, Console& console);
int run_cancel_all(const Arguments& arguments, client::Client& bus, Console& console);
int run_kill(const Arguments& arguments, client::Client& bus, Console& console);
int run_release(const Arguments& arguments, client::Client& bus, Console& console);
int run_watch(const Arguments& arguments, client::Client& bus, Console& console);
int run_status(const Arguments& arguments, client::Client& bus, Console& console);
int run_orders(const Arguments& arguments, client::Client& bus, Console& console);
int run_list(const Arguments& arguments, client::Client& bus, Console& console);
int run_resolve(const Arguments& arguments, client::Client& bus, Console& console);
int run_retry(const Arguments& arguments, client::Client& bus, Console& console);
int run_record(const Arguments& arguments, client::Client& bus, Console& console);
int run_top(const Arguments& arguments, std::unique_ptr<client::Client> bus, Console& console);
/// Needs no bus.
int run_keygen(const Arguments& arguments, Console& console);
/// What the bus says happened to one command, or to several.
int run_explain(const Arguments& arguments, client::Client& bus, Console& console);
int run_find(const Arguments& arguments, client::Client& bus, Console& console);
/// Needs no bus: it reads the store.
int run_explain_store(const Arguments& arguments, Console& console);
int run_backup(const Arguments& arguments, Console& console);

/// Null and `error`, which begins with a flag's name, if endpoints or key files cannot be used.
std::unique_ptr<client::Client> connect(const Arguments& arguments, const std::vector<std::string>& topics,
                                        std::string& error);
/// What is wrong with the connection, the bus or our messages, as a sentence; empty for ordinary news.
std::string trouble(const client::Notice& notice, const std::string& session_endpoint);
/// The same on `err`.
void report_trouble(const client::Notice& notice, const Arguments& arguments, Console& console);
/// The bus rejected what the command is about, or our key: repeating it is of no use.
bool is_rejection(const client::Notice& notice);

}  // namespace cancelbus::ctl
