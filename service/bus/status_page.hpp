// The page that the bus's monitor shows to people: what /status tells in JSON, and the HTML that asks for it.
//
// Used by the shell. It is read-only, and the events it shows are those that were committed and published. The JSON is
// that of the contract's messages: {"bus_status": BusStatus, "finals": [Event, ...]}, the newest event first.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "service/core/status.hpp"
#include "service/io/store.hpp"
#include "service/io/web_page.hpp"

namespace cancelbus::bus {

/// The files in page/.
extern const char* const PageHtml;
extern const char* const PageStyle;
extern const char* const PageScript;

class StatusPage {
 public:
  static constexpr size_t MostFinals = 20;

  /// An event that was published.
  void note(const io::EventRow& event);
  std::string json(const core::BusStatus& status) const;

  static io::WebPage html() { return io::web_page(PageHtml, PageStyle, PageScript); }

 private:
  std::deque<std::string> finals_;  ///< payloads of the latest, newest first
};

}  // namespace cancelbus::bus
