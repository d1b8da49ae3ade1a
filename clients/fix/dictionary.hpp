// The data dictionary that is built in: FIX44.xml of this folder.
#pragma once

namespace cancelbus::fix {

extern const char* const DictionaryText;

}  // namespace cancelbus::fix
