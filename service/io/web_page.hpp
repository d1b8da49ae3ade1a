// A page that a browser may show and that can do nothing else: no other host, no frame, no script but its own.
#pragma once

#include <string>
#include <string_view>

namespace cancelbus::io {

struct WebPage {
  std::string html;
  /// Value of Content-Security-Policy: this style, this script, and requests to where the page came from.
  std::string policy;
};

/// `html` must hold an empty `<style></style>` and an empty `<script></script>`, which are filled.
WebPage web_page(std::string_view html, std::string_view style, std::string_view script);

}  // namespace cancelbus::io
