// The key pairs of the simulated account: ours, and that of another program which spends the same budget.
#pragma once

#include <string>

#include "service/btcturk/signer.hpp"
#include "tests/exchange/auth.hpp"

namespace cancelbus::simulation {

inline constexpr const char* PublicKey = "OURS";
inline constexpr const char* ForeignKey = "THEIRS";
inline constexpr const char* OurAddress = "10.0.0.1";
inline constexpr const char* ForeignAddress = "10.0.0.2";
inline constexpr const char* Secret = "c2VjcmV0IG9mIHRoZSBzaW11bGF0aW9u";

inline btcturk::Signer make_signer() { return btcturk::Signer::make(PublicKey, Secret).value(); }
inline btcturk::Signer make_foreign_signer() { return btcturk::Signer::make(ForeignKey, Secret).value(); }
inline std::vector<exchange_sim::KeyPair> key_pairs() {
  return {exchange_sim::make_key_pair(PublicKey, Secret).value(),
          exchange_sim::make_key_pair(ForeignKey, Secret).value()};
}

}  // namespace cancelbus::simulation
