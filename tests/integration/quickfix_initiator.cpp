// A counterparty of cancel-fix that is not ours: QuickFIX's own initiator, which checks every message that it gets
// against a data dictionary. Used by test_fix_initiator.py.
//
//   quickfix-initiator PORT COMP_ID STORE_FOLDER DICTIONARY [reset]    sends each line of its input, as 35=F|11=a|37=5,
//   once it is logged on; prints each message as "-> ..." or "<- ...". At the end of its input it logs out and ends.
//   With `reset` its logons have ResetSeqNumFlag.
#include <quickfix/Application.h>
#include <quickfix/FileStore.h>
#include <quickfix/Message.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketInitiator.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>

// What overrides a function of QuickFIX repeats its exception specification.
#pragma GCC diagnostic ignored "-Wdeprecated"

namespace {

class Counterparty : public FIX::Application {
 public:
  void onCreate(const FIX::SessionID& id) override { id_ = id; }
  void onLogon(const FIX::SessionID&) override { set(true); }
  void onLogout(const FIX::SessionID&) override { set(false); }
  void toAdmin(FIX::Message& message, const FIX::SessionID&) override { print("-> ", message); }
  void toApp(FIX::Message& message, const FIX::SessionID&) throw(FIX::DoNotSend) override { print("-> ", message); }
  void fromAdmin(const FIX::Message& message, const FIX::SessionID&) throw(FIX::FieldNotFound, FIX::IncorrectDataFormat,
                                                                           FIX::IncorrectTagValue,
                                                                           FIX::RejectLogon) override {
    print("<- ", message);
  }
  void fromApp(const FIX::Message& message, const FIX::SessionID&) throw(FIX::FieldNotFound, FIX::IncorrectDataFormat,
                                                                         FIX::IncorrectTagValue,
                                                                         FIX::UnsupportedMessageType) override {
    print("<- ", message);
  }

  void wait(bool logged_on) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, logged_on] { return logged_on_ == logged_on; });
  }
  void send(const std::string& line) {
    FIX::Message message;
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, '|');) {
      const int tag = std::atoi(field.c_str());
      const std::string value = field.substr(field.find('=') + 1);
      const bool of_header = tag == FIX::FIELD::MsgType || tag == FIX::FIELD::PossResend;
      FIX::FieldMap& into = of_header ? static_cast<FIX::FieldMap&>(message.getHeader()) : message;
      into.setField(FIX::FieldBase(tag, value), of_header);  // in the body a tag may come twice
    }
    FIX::Session::sendToTarget(message, id_);
  }

 private:
  void set(bool logged_on) {
    const std::lock_guard<std::mutex> lock(mutex_);
    logged_on_ = logged_on;
    changed_.notify_all();
  }
  void print(const char* direction, const FIX::Message& message) {
    std::string text = message.toString();
    std::replace(text.begin(), text.end(), '\x01', '|');
    const std::lock_guard<std::mutex> lock(mutex_);
    std::cout << direction << text << std::endl;
  }

  FIX::SessionID id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool logged_on_ = false;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5 && count != 6) {
    return std::cerr << "usage: quickfix-initiator PORT COMP_ID STORE_FOLDER DICTIONARY [reset]\n", 2;
  }
  std::istringstream text(
      "[DEFAULT]\nConnectionType=initiator\nReconnectInterval=1\nHeartBtInt=30\nStartTime=00:00:00\nEndTime=00:00:00\n"
      "SocketConnectHost=127.0.0.1\nSocketConnectPort=" +
      std::string(arguments[1]) + "\nFileStorePath=" + arguments[3] + "\nDataDictionary=" + arguments[4] +
      (count == 6 ? "\nResetOnLogon=Y" : "") +
      "\n[SESSION]\nBeginString=FIX.4.4\nTargetCompID=CANCELBUS\nSenderCompID=" + arguments[2] + "\n");
  FIX::SessionSettings settings(text);
  Counterparty counterparty;
  FIX::FileStoreFactory stores(settings);
  FIX::SocketInitiator initiator(counterparty, stores, settings);
  initiator.start();
  for (std::string line; std::getline(std::cin, line);) {
    counterparty.wait(true);
    counterparty.send(line);
  }
  initiator.stop();
  return 0;
}
