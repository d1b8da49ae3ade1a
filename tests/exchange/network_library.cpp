// Asio's and Beast's separately compiled code, once for the whole program; every other file then compiles faster.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
