// The troubles that strike a simulated world from outside, each of them now and then.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cancelbus::simulation {

enum class Blow : uint8_t {
  KillBus,
  KillBusInTurn,
  StopBusInTurn,
  RebootBus,
  FreezeBus,
  DrainBus,
  FillDisk,
  MisplaceStore,  ///< the store's file is deleted or replaced under the bus, and put back
  DropReplies,
  KillWorker,
  FreezeWorker,
  DrainWorker,
  KillSubscriber,
  FreezeSubscriber,
  KillClient,
  FreezeClient,
  HoldPath,
  CutPath,
  CloseStream,
  MuteStream,
  SilenceStream,
  RubbishOnStream,
  SetExchangeClock,
  SetBusClock,  ///< its wall clock
  SetAnyClock,  ///< that of bus, subscriber or a worker
  CutPower,     ///< of the bus's machine: only where its store is not synced, or it were another RebootBus
  StopWriting,  ///< a worker goes on taking tasks, and writes none of them
  PutBackCopy,  ///< the bus is killed, and its store replaced by an older copy while workers go on
  // Of two buses and their database.
  KillPrimary,
  KillStandbyServer,
  FailOver,        ///< the primary dies, and the standby is promoted
  PromoteBeside,   ///< the standby is promoted, and the primary lives on for a while
  CancelWaits,     ///< commits end their wait for the standby, and warn
  EndWaits,        ///< likewise, without an answer
  FailOverBehind,  ///< the standby has missed something when it is promoted
  StopLeader,      ///< after any of its writes and sends, for longer than its lease
  HoldBusFromDatabase,
  HoldBusFromWorkers,
  HoldBusFromClients,
  HoldReplication,
  IsolateBus,  ///< from everything
};
constexpr size_t Blows = static_cast<size_t>(Blow::IsolateBus) + 1;
const char* blow_name(Blow blow);

}  // namespace cancelbus::simulation
