#include "service/base/retry_after.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace cancelbus::base {
namespace {

using namespace std::chrono_literals;

constexpr const char* Now = "Wed, 21 Oct 2026 07:28:00 GMT";

struct Form {
  const char* name;
  std::string header;
  std::string date;
  std::optional<std::chrono::nanoseconds> wait;
};

std::ostream& operator<<(std::ostream& out, const Form& form) { return out << form.name; }

class RetryAfter : public testing::TestWithParam<Form> {};

TEST_P(RetryAfter, IsRead) { EXPECT_EQ(read_retry_after(GetParam().header, GetParam().date), GetParam().wait); }

INSTANTIATE_TEST_SUITE_P(
    Seconds, RetryAfter,
    testing::Values(Form{"whole", "53", "", 53s}, Form{"zero", "0", "", 0s}, Form{"blanks", " 7\t", "", 7s},
                    Form{"fraction", "0.493", "", 493ms}, Form{"fraction_above_one", "1.5", "", 1500ms},
                    Form{"finer_than_a_nanosecond", "1.00000000099", "", 1s}, Form{"a_day", "86400", "", 24h},
                    Form{"beyond_a_day", "90000", "", 24h}, Form{"just_beyond_a_day", "86400.5", "", 24h},
                    Form{"overflowing", "99999999999999999999", "", 24h}, Form{"negative", "-1", "", std::nullopt},
                    Form{"minus_zero", "-0", "", std::nullopt}, Form{"plus", "+5", "", std::nullopt},
                    Form{"no_whole_part", ".5", "", std::nullopt}, Form{"no_fraction", "5.", "", std::nullopt},
                    Form{"two_points", "1.2.3", "", std::nullopt}, Form{"exponent", "1e3", "", std::nullopt},
                    Form{"unit", "5s", "", std::nullopt}, Form{"two", "5, 6", "", std::nullopt},
                    Form{"garbage", "soon", Now, std::nullopt}, Form{"blank", "  ", Now, std::nullopt},
                    Form{"absent", "", Now, std::nullopt}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Dates, RetryAfter,
    testing::Values(Form{"ahead", "Wed, 21 Oct 2026 07:28:03 GMT", Now, 3s},
                    Form{"over_midnight", "Thu, 22 Oct 2026 00:00:00 GMT", "Wed, 21 Oct 2026 23:59:59 GMT", 1s},
                    Form{"now", Now, Now, 0s}, Form{"past", "Wed, 21 Oct 2026 07:27:00 GMT", Now, 0s},
                    Form{"far", "Fri, 31 Dec 9999 23:59:59 GMT", Now, 24h},
                    Form{"long_ago", "Mon, 01 Jan 0001 00:00:00 GMT", Now, 0s},
                    Form{"rfc_850", "Wednesday, 21-Oct-26 07:28:09 GMT", Now, 9s},
                    Form{"asctime", "Wed Oct 21 07:29:00 2026", Now, 60s},
                    Form{"asctime_early_in_the_month", "Wed Oct  7 07:29:00 2026", "Wed, 07 Oct 2026 07:28:00 GMT",
                         60s},
                    Form{"leap_second", "Wed, 21 Oct 2026 07:28:60 GMT", Now, 60s},
                    Form{"without_the_answers_date", Now, "", std::nullopt},
                    Form{"with_an_illegible_date", Now, "today", std::nullopt},
                    Form{"no_such_day", "Mon, 31 Feb 2026 07:28:00 GMT", Now, std::nullopt},
                    Form{"no_such_month", "Mon, 11 Foo 2026 07:28:00 GMT", Now, std::nullopt},
                    Form{"no_such_hour", "Wed, 21 Oct 2026 24:28:00 GMT", Now, std::nullopt},
                    Form{"another_zone", "Wed, 21 Oct 2026 07:28:03 +0300", Now, std::nullopt},
                    Form{"cut_off", "Wed, 21 Oct 2026 07:28", Now, std::nullopt},
                    Form{"more_behind_it", "Wed, 21 Oct 2026 07:28:03 GMT x", Now, std::nullopt}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace cancelbus::base
