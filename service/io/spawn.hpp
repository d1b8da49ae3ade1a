// Starts a coroutine that no caller waits for.
//
// Used wherever asio::detached would be: that one swallows exceptions. Here one leaves io_context::run and ends the
// process, for it is a broken invariant.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace cancelbus::io {

namespace asio = boost::asio;

template <typename Executor>
void spawn(Executor&& where, asio::awaitable<void> task) {
  asio::co_spawn(std::forward<Executor>(where), std::move(task), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

}  // namespace cancelbus::io
