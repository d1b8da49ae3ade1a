#include "clients/fix/engine.hpp"

#include <quickfix/Application.h>
#include <quickfix/DataDictionary.h>
#include <quickfix/DataDictionaryProvider.h>
#include <quickfix/Log.h>
#include <quickfix/MessageStore.h>
#include <quickfix/Responder.h>
#include <quickfix/Session.h>
#include <quickfix/SessionFactory.h>

#include <exception>
#include <sstream>

// What overrides a function of QuickFIX repeats its exception specification.
#pragma GCC diagnostic ignored "-Wdeprecated"

namespace cancelbus {
namespace fix {
namespace {

constexpr int MostHeartBtInt = 3600;

std::time_t seconds_of(long long seconds) { return static_cast<std::time_t>(seconds); }

/// QuickFIX owns it; what it adapts belongs to the caller.
class StoreAdapter : public FIX::MessageStore {
 public:
  explicit StoreAdapter(SequenceStore& store) : store_(store) {}

  bool set(int seq, const std::string& message) throw(FIX::IOException) override {
    store_.save(seq, message);
    return true;
  }
  void get(int from, int to, std::vector<std::string>& into) const throw(FIX::IOException) override {
    into = store_.load(from, to);
  }
  int getNextSenderMsgSeqNum() const throw(FIX::IOException) override { return store_.next_out(); }
  int getNextTargetMsgSeqNum() const throw(FIX::IOException) override { return store_.next_in(); }
  void setNextSenderMsgSeqNum(int seq) throw(FIX::IOException) override { store_.set_next_out(seq); }
  void setNextTargetMsgSeqNum(int seq) throw(FIX::IOException) override { store_.set_next_in(seq); }
  void incrNextSenderMsgSeqNum() throw(FIX::IOException) override { store_.set_next_out(store_.next_out() + 1); }
  void incrNextTargetMsgSeqNum() throw(FIX::IOException) override { store_.set_next_in(store_.next_in() + 1); }
  FIX::UtcTimeStamp getCreationTime() const throw(FIX::IOException) override {
    return FIX::UtcTimeStamp(seconds_of(store_.created()));
  }
  void reset() throw(FIX::IOException) override { store_.reset(static_cast<long long>(::time(nullptr))); }
  void refresh() throw(FIX::IOException) override {}

 private:
  SequenceStore& store_;
};

class StoreFactory : public FIX::MessageStoreFactory {
 public:
  FIX::MessageStore* create(const FIX::SessionID&) override { return new StoreAdapter(*next); }
  void destroy(FIX::MessageStore* store) override { delete store; }

  SequenceStore* next = nullptr;  ///< of the session that is made next
};

class EventLog : public FIX::Log {
 public:
  EventLog(EngineHandler& handler, std::size_t session) : handler_(handler), session_(session) {}
  void clear() override {}
  void backup() override {}
  void onIncoming(const std::string&) override {}
  void onOutgoing(const std::string&) override {}
  void onEvent(const std::string& text) override { handler_.on_event(session_, text); }

 private:
  EngineHandler& handler_;
  std::size_t session_;
};

class EventLogs : public FIX::LogFactory {
 public:
  explicit EventLogs(EngineHandler& handler) : handler_(handler) {}
  FIX::Log* create() override { return new EventLog(handler_, next); }
  FIX::Log* create(const FIX::SessionID&) override { return new EventLog(handler_, next); }
  void destroy(FIX::Log* log) override { delete log; }

  std::size_t next = 0;

 private:
  EngineHandler& handler_;
};

class Connection : public FIX::Responder {
 public:
  Connection(EngineHandler& handler, std::size_t session) : handler_(handler), session_(session) {}
  bool send(const std::string& frame) override {
    handler_.on_frame(session_, frame);
    return true;
  }
  void disconnect() override {
    open = false;
    handler_.on_disconnect(session_);
  }

  bool open = false;

 private:
  EngineHandler& handler_;
  std::size_t session_;
};

bool is_set(const FIX::FieldMap& header, int field) {
  return header.isSetField(field) && header.getField(field) == "Y";
}

int number_in(const FIX::Message& message, int field) { return FIX::IntConvertor::convert(message.getField(field)); }

/// What only we send has required fields, and is refused whatever it holds when a counterparty sends it.
std::string without_demands_on_reports(std::string text) {
  const std::string demand = "required=\"Y\"";
  for (const char* name : {"ExecutionReport", "OrderCancelReject", "OrderMassCancelReport"}) {
    const std::size_t begin = text.find(std::string("<message name=\"") + name + "\"");
    if (begin == std::string::npos) continue;
    const std::size_t end = text.find("</message>", begin);
    for (std::size_t at = text.find(demand, begin); at < end; at = text.find(demand, at)) {
      text.replace(at, demand.size(), "required=\"N\"");
    }
  }
  return text;
}

Incoming incoming_of(const FIX::Message& message) {
  Incoming incoming;
  const FIX::Header& header = message.getHeader();
  incoming.type = header.getField(FIX::FIELD::MsgType);
  incoming.poss_dup = is_set(header, FIX::FIELD::PossDupFlag);
  incoming.poss_resend = is_set(header, FIX::FIELD::PossResend);
  for (FIX::FieldMap::const_iterator field = message.begin(); field != message.end(); ++field) {
    incoming.body.emplace_back(field->getTag(), field->getString());
  }
  return incoming;
}

}  // namespace

struct Engine::Impl : FIX::Application {
  struct Entry {
    FIX::SessionID id;
    std::unique_ptr<FIX::Session> session;
    std::unique_ptr<Connection> connection;
  };

  Impl(EngineHandler& to, const std::string& text)
      : handler(to), dictionary_text(without_demands_on_reports(text)), logs(to) {}

  std::size_t number_of(const FIX::SessionID& id) const {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].id == id) return i;
    }
    return None;
  }

  void onCreate(const FIX::SessionID&) override {}
  void onLogon(const FIX::SessionID& id) override { handler.on_logon(number_of(id)); }
  void onLogout(const FIX::SessionID& id) override { handler.on_logout(number_of(id)); }
  void toAdmin(FIX::Message&, const FIX::SessionID&) override {}
  void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) override {}

  void fromAdmin(const FIX::Message& message,
                 const FIX::SessionID& id) throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
                                                 FIX::RejectLogon) override {
    const std::string type = message.getHeader().getField(FIX::FIELD::MsgType);
    if (type == FIX::MsgType_Logon) {
      const int interval = number_in(message, FIX::FIELD::HeartBtInt);
      if (interval >= 1 && interval <= MostHeartBtInt) return;
      throw FIX::RejectLogon("HeartBtInt(108) is not from 1 to " + std::to_string(MostHeartBtInt));
    }
    // QuickFIX would answer these with sequence numbers that make no sense.
    if (type == FIX::MsgType_ResendRequest) {
      const int begin = number_in(message, FIX::FIELD::BeginSeqNo);
      const int end = number_in(message, FIX::FIELD::EndSeqNo);
      const int next = entries[number_of(id)].session->getExpectedSenderNum();
      if (begin < 1 || begin >= next) throw FIX::IncorrectTagValue(FIX::FIELD::BeginSeqNo);
      if (end < 0 || (end != 0 && end < begin)) throw FIX::IncorrectTagValue(FIX::FIELD::EndSeqNo);
    }
    if (type == FIX::MsgType_SequenceReset && number_in(message, FIX::FIELD::NewSeqNo) < 1) {
      throw FIX::IncorrectTagValue(FIX::FIELD::NewSeqNo);
    }
  }

  void fromApp(const FIX::Message& message,
               const FIX::SessionID& id) throw(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
                                               FIX::UnsupportedMessageType) override {
    const Verdict verdict = handler.on_message(number_of(id), incoming_of(message));
    switch (verdict.kind) {
      case Verdict::Kind::Taken:
        return;
      case Verdict::Kind::Unsupported:
        throw FIX::UnsupportedMessageType();
      case Verdict::Kind::MissingField:
        throw FIX::FieldNotFound(verdict.tag);
      case Verdict::Kind::WrongValue:
        throw FIX::IncorrectTagValue(verdict.tag);
    }
  }

  FIX::DataDictionaryProvider dictionary_with(const FIX::Dictionary& settings) const {
    std::istringstream stream(dictionary_text);
    ptr::shared_ptr<FIX::DataDictionary> dictionary(new FIX::DataDictionary(stream));
    const auto flag = [&settings](const char* name, bool otherwise) {
      return settings.has(name) ? settings.getBool(name) : otherwise;
    };
    dictionary->checkFieldsOutOfOrder(flag(FIX::VALIDATE_FIELDS_OUT_OF_ORDER, true));
    dictionary->checkFieldsHaveValues(flag(FIX::VALIDATE_FIELDS_HAVE_VALUES, true));
    dictionary->checkUserDefinedFields(flag(FIX::VALIDATE_USER_DEFINED_FIELDS, false));
    dictionary->allowUnknownMsgFields(flag(FIX::ALLOW_UNKNOWN_MSG_FIELDS, true));
    FIX::DataDictionaryProvider provider;
    const FIX::BeginString version(FIX::BeginString_FIX44);
    provider.addTransportDataDictionary(version, dictionary);
    provider.addApplicationDataDictionary(FIX::Message::toApplVerID(version), dictionary);
    return provider;
  }

  /// Whatever QuickFIX throws at one counterparty's frame ends that connection, and nothing else.
  template <typename Call>
  void guarded(std::size_t number, Call call) {
    FIX::Session& session = *entries[number].session;
    try {
      call(session);
      return;
    } catch (const FIX::InvalidMessage& error) {
      handler.on_event(number, std::string("ignored a garbled message: ") + error.what());
      return;
    } catch (const std::exception& error) {
      handler.on_event(number, std::string("disconnecting: ") + error.what());
    }
    session.disconnect();
  }

  EngineHandler& handler;
  const std::string dictionary_text;
  StoreFactory stores;
  EventLogs logs;
  std::vector<Entry> entries;
};

Engine::Engine(EngineHandler& handler, const std::string& dictionary) : impl_(new Impl(handler, dictionary)) {}
Engine::~Engine() = default;

std::string Engine::add_session(const std::string& sender_comp_id, const std::string& target_comp_id,
                                const std::map<std::string, std::string>& given, SequenceStore& store) {
  Impl& impl = *impl_;
  const std::size_t number = impl.entries.size();
  impl.entries.emplace_back();
  Impl::Entry& entry = impl.entries.back();
  entry.id = FIX::SessionID(FIX::BeginString_FIX44, sender_comp_id, target_comp_id);
  entry.connection.reset(new Connection(impl.handler, number));
  impl.stores.next = &store;
  impl.logs.next = number;
  try {
    FIX::Dictionary settings;
    for (const auto& setting : given) settings.setString(setting.first, setting.second);
    settings.setString(FIX::CONNECTION_TYPE, "acceptor");
    settings.setString(FIX::USE_DATA_DICTIONARY, "N");
    const FIX::DataDictionaryProvider provider = impl.dictionary_with(settings);
    FIX::SessionFactory factory(impl, impl.stores, &impl.logs);
    entry.session.reset(factory.create(entry.id, settings));
    entry.session->setDataDictionaryProvider(provider);
    return std::string();
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::size_t Engine::session_of_logon(const std::string& frame) const {
  try {
    FIX::Message message;
    if (!message.setStringHeader(frame)) return None;
    const FIX::Header& header = message.getHeader();
    if (header.getField(FIX::FIELD::MsgType) != FIX::MsgType_Logon) return None;
    const FIX::SessionID id(header.getField(FIX::FIELD::BeginString), header.getField(FIX::FIELD::TargetCompID),
                            header.getField(FIX::FIELD::SenderCompID));
    return impl_->number_of(id);
  } catch (const std::exception&) {
    return None;
  }
}

bool Engine::connected(std::size_t session) const { return impl_->entries[session].connection->open; }

void Engine::connect(std::size_t number) {
  Impl::Entry& entry = impl_->entries[number];
  entry.connection->open = true;
  Connection* connection = entry.connection.get();
  impl_->guarded(number, [connection](FIX::Session& session) { session.setResponder(connection); });
}

void Engine::disconnected(std::size_t number) {
  Impl::Entry& entry = impl_->entries[number];
  if (!entry.connection->open) return;
  impl_->guarded(number, [](FIX::Session& session) { session.disconnect(); });
  entry.connection->open = false;
}

void Engine::receive(std::size_t number, const std::string& frame) {
  impl_->guarded(number, [&frame](FIX::Session& session) { session.next(frame, FIX::UtcTimeStamp()); });
}

void Engine::on_time() {
  for (std::size_t number = 0; number < impl_->entries.size(); ++number) {
    impl_->guarded(number, [](FIX::Session& session) { session.next(); });
  }
}

bool Engine::logged_on(std::size_t session) const { return impl_->entries[session].session->isLoggedOn(); }

int Engine::next_in(std::size_t session) const { return impl_->entries[session].session->getExpectedTargetNum(); }

void Engine::send(std::size_t number, const Outgoing& outgoing) {
  impl_->guarded(number, [&outgoing](FIX::Session& session) {
    FIX::Message message;
    message.getHeader().setField(FIX::MsgType(outgoing.type));
    for (const Field& field : outgoing.body) {
      const bool of_header = field.first == tag::PossResend || field.first == tag::DeliverToCompID;
      FIX::FieldMap& into = of_header ? static_cast<FIX::FieldMap&>(message.getHeader()) : message;
      into.setField(field.first, field.second);
    }
    session.send(message);
  });
}

void Engine::log_out(std::size_t number, const std::string& text) {
  impl_->guarded(number, [&text](FIX::Session& session) {
    session.logout(text);
    session.next();
  });
}

}  // namespace fix
}  // namespace cancelbus
