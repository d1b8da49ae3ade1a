#include "service/wire/frame.hpp"

#include <google/protobuf/stubs/logging.h>

namespace cancelbus::wire {

bool parse_frame(std::string_view bytes, google::protobuf::MessageLite& message) {
  if (bytes.size() > MaxFrameBytes) return false;
  // Else protobuf writes a line to stderr for every string that is not UTF-8: any client could fill the log.
  const google::protobuf::LogSilencer silence;
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace cancelbus::wire
