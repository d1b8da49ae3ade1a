// Boost.JSON's header-only build: its code, once. Alone in this file, so that a program which also links another copy
// of it takes one and not both.
#include <boost/json/src.hpp>
