#include "service/io/web_page.hpp"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <openssl/sha.h>

#include "service/core/check.hpp"

namespace cancelbus::io {

namespace {

std::string source(const std::string& text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::StrCat("'sha256-", absl::Base64Escape(digest), "'");
}

void fill(std::string& html, const std::string& tag, const std::string& content) {
  const size_t at = html.find(absl::StrCat("<", tag, "></", tag, ">"));
  CANCELBUS_CHECK(at != std::string::npos);
  html.insert(at + tag.size() + 2, content);
}

}  // namespace

WebPage web_page(std::string_view html, std::string_view style, std::string_view script) {
  WebPage page{std::string(html), {}};
  const std::string style_text(style);
  const std::string script_text(script);
  fill(page.html, "style", style_text);
  fill(page.html, "script", script_text);
  page.policy = absl::StrCat("default-src 'none'; style-src ", source(style_text), "; script-src ", source(script_text),
                             "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                             "frame-ancestors 'none'");
  return page;
}

}  // namespace cancelbus::io
