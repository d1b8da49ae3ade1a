// FIX sessions by QuickFIX, without its sockets, files and threads: frames and the time go in; frames to send, and what
// the counterparty asks for, come out.
//
// QuickFIX does what the session level of FIX 4.4 demands: logon, sequence numbers, resend, gap fill, heartbeats,
// session times, and rejects by the data dictionary. Its headers have exception specifications that C++17 removed, so
// this header and engine.cpp alone are compiled as C++14. One thread at a time. Nothing here throws.
//
// A caller wraps each call in one transaction of the store, and sends what came out after its commit: so no message
// leaves that a restart would not know.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "clients/fix/message.hpp"

namespace cancelbus {
namespace fix {

/// Where a session keeps its sequence numbers and messages. Implementations do not fail: without its store the process
/// ends.
class SequenceStore {
 public:
  virtual ~SequenceStore() = default;
  virtual void save(int seq, const std::string& message) = 0;
  /// Those of `from` to `to`, both included, that are there; in order.
  virtual std::vector<std::string> load(int from, int to) const = 0;
  virtual int next_out() const = 0;
  virtual int next_in() const = 0;
  virtual void set_next_out(int seq) = 0;
  virtual void set_next_in(int seq) = 0;
  /// When both began at 1, in seconds since 1970.
  virtual long long created() const = 0;
  /// Both begin at 1 again, `now`, and no message is kept.
  virtual void reset(long long now) = 0;
};

/// What is wrong with an application message; the engine sends the reject.
struct Verdict {
  enum class Kind {
    Taken,
    Unsupported,   ///< 35=j 380=3
    MissingField,  ///< 35=j 380=5
    WrongValue,    ///< 35=3 373=5
  };
  Kind kind = Kind::Taken;
  int tag = 0;  ///< of the last two
};

/// Called from within a call of the engine, with the session's number.
class EngineHandler {
 public:
  virtual ~EngineHandler() = default;
  virtual void on_logon(std::size_t session) = 0;
  virtual void on_logout(std::size_t session) = 0;
  virtual Verdict on_message(std::size_t session, const Incoming& message) = 0;
  /// A whole frame for the session's connection.
  virtual void on_frame(std::size_t session, const std::string& frame) = 0;
  /// What was given is to be sent, and then the connection is to be closed.
  virtual void on_disconnect(std::size_t session) = 0;
  /// QuickFIX's account of what it does.
  virtual void on_event(std::size_t session, const std::string& text) = 0;
};

class Engine {
 public:
  /// The handler outlives it. `dictionary` is the text of a data dictionary in QuickFIX's form.
  Engine(EngineHandler& handler, const std::string& dictionary);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Numbers count from 0 in the order of the calls. The settings are QuickFIX's. Empty, or what is wrong.
  std::string add_session(const std::string& sender_comp_id, const std::string& target_comp_id,
                          const std::map<std::string, std::string>& settings, SequenceStore& store);

  static constexpr std::size_t None = static_cast<std::size_t>(-1);
  /// Which session the frame would log on to; None: there is no such session, or it is no Logon.
  std::size_t session_of_logon(const std::string& frame) const;
  bool connected(std::size_t session) const;
  /// Of a session without a connection.
  void connect(std::size_t session);
  /// The connection is gone.
  void disconnected(std::size_t session);
  void receive(std::size_t session, const std::string& frame);
  /// Every second, for heartbeats and session times.
  void on_time();

  bool logged_on(std::size_t session) const;
  /// Seq of the next frame that the counterparty is to send.
  int next_in(std::size_t session) const;
  /// Of a session that is logged on: gives it the next sequence number and keeps it.
  void send(std::size_t session, const Outgoing& message);
  /// Sends Logout; a connection without an answer ends after LogoutTimeout.
  void log_out(std::size_t session, const std::string& text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fix
}  // namespace cancelbus
