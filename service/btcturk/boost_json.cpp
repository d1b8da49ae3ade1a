// Boost.JSON's implementation, compiled once: it takes longer than the rest of this folder together.
#include <boost/json/src.hpp>
