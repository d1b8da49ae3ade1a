// The two halves of an API key, a line each, against the local exchange's own reading of them.
#include "service/btcturk/signer.hpp"
#include "tests/exchange/auth.hpp"
#include "tests/exchange/signature.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {

bool api_key(std::string_view input) {
  const std::string_view public_key = take_until(input, '\n');
  const std::string_view secret = input;
  auto signer = btcturk::Signer::make(std::string(public_key), secret);
  if (!signer.ok()) {
    const std::string_view why(signer.status().message().data(), signer.status().message().size());
    require(is_shown_text(why), "the error is fit to be shown");
    if (secret.size() >= 8 && why.find(secret) != std::string_view::npos) {
      const auto other = btcturk::Signer::make(std::string(public_key), with_other_letters(secret));
      require(other.status().message() == signer.status().message(), "the error does not quote the secret");
    }
    return false;
  }
  require(signer->public_key() == public_key, "the public key is kept as it is");
  const auto pair = exchange_sim::make_key_pair(public_key, secret);
  require(pair.ok(), "the exchange takes every key that we take");
  constexpr int64_t Stamp = 1'700'000'000'000, Nonce = 3000;
  require(signer->sign_rest(Stamp) == exchange_sim::sign(pair->secret, pair->public_key + std::to_string(Stamp)),
          "a request is signed as the exchange checks it");
  require(signer->sign_login(Nonce) == exchange_sim::sign(pair->secret, pair->public_key + std::to_string(Nonce)),
          "a login is signed as the exchange checks it");
  return true;
}

std::vector<std::string> api_key_seeds() {
  return {"public-key\nc2VjcmV0LW9mLWEtdGVzdA==",
          "k\nAAAA",
          "k\nAA==",
          "k\nAA=",
          "k\n====",
          "with blank\nAAAA",
          "\nAAAA",
          "k\nAAA+",
          "k\nAA-_AAA",
          "k\nAAAA\n"};
}

}  // namespace cancelbus::fuzz
