/* Dates, times, intervals and uuids: their text, and what is refused. */
#include "value_help.h"

DEFINES_REFUSAL(date, weir_date)
DEFINES_REFUSAL(time, weir_time)
DEFINES_REFUSAL(timetz, weir_timetz)
DEFINES_REFUSAL(timestamp, weir_timestamp)
DEFINES_REFUSAL(timestamptz, weir_timestamptz)
DEFINES_REFUSAL(interval, weir_interval)
DEFINES_REFUSAL(uuid, weir_uuid)

static void test_calendar_days_round_trip(void **state)
{
    (void)state;
    static const struct known { int64_t year; unsigned month, day; int64_t days; } known[] = {
        { 1970, 1, 1, 0 }, { 1969, 12, 31, -1 }, { 2000, 2, 29, 11016 }, { 2000, 3, 1, 11017 }, { 1900, 2, 28, -25509 },
        { 1900, 3, 1, -25508 }, { 2024, 5, 1, 19844 }, { 0, 2, 29, -719469 }, { 1, 1, 1, -719162 },
        { -4712, 1, 1, -2440550 }, { 5874897, 12, 31, 2145042905 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(weir_days_from_civil(known[i].year, known[i].month, known[i].day) == known[i].days);
    for (int64_t days = INT32_MIN; days <= INT32_MAX; days += 98765) {
        int64_t year;
        unsigned month, day;
        weir_civil_from_days(days, &year, &month, &day);
        assert_true(month >= 1 && month <= 12 && day >= 1 && day <= 31);
        assert_true(weir_days_from_civil(year, month, day) == days);
    }
}

static void test_each_day_of_400_years_follows_the_one_before(void **state)
{
    (void)state;
    int64_t year, next_year;
    unsigned month, day, next_month, next_day;
    weir_civil_from_days(-719468, &year, &month, &day);
    for (int64_t days = -719468; days < -719468 + 146097; days++) {
        weir_civil_from_days(days + 1, &next_year, &next_month, &next_day);
        bool same_month = next_year == year && next_month == month && next_day == day + 1;
        bool new_month = next_year == year && next_month == month + 1 && next_day == 1 && day >= 28;
        bool new_year = next_year == year + 1 && next_month == 1 && next_day == 1 && month == 12 && day == 31;
        assert_true(same_month || new_month || new_year);
        year = next_year;
        month = next_month;
        day = next_day;
    }
}

static void test_dates_round_trip_as_text(void **state)
{
    (void)state;
    static const struct sample { int32_t days; const char *text; } samples[] = {
        { 0, "1970-01-01" }, { 19782, "2024-02-29" }, { -2440588, "4714-11-24 BC" }, { 2145042905, "5874897-12-31" },
        { -719163, "0001-12-31 BC" }, { -719162, "0001-01-01" }, { WEIR_DATE_INFINITY, "infinity" }, { 2932897, "10000-01-01" },
        { WEIR_DATE_MINUS_INFINITY, "-infinity" }, { -735160, "0044-03-15 BC" }, { INT32_MAX - 1, "5881580-07-10" },
        { INT32_MIN + 1, "5877642-06-24 BC" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        weir_date back = { 1 };
        assert_format(WEIR_VALUE((weir_date){ samples[i].days }), samples[i].text);
        assert_true(weir_parse_date(text_of(samples[i].text), &back));
        assert_int_equal(back.days, samples[i].days);
    }
}

static void test_dates_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-32",
        "2024-1-1",
        "24-01-01", "2024/01/01", "2024-01-01 ", " 2024-01-01", "2024-01-01x", "20240101", "", "0000-01-01 BC", "2024-01",
        "BC", " BC",
        "99999999-01-01", "5881580-07-11", "Infinity", "--infinity", "2024-01-01BC", "-2024-01-01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_date out;
        assert_false(weir_parse_date(text_of(bad[i]), &out));
    }
    weir_date out;
    assert_false(weir_parse_date((weir_text){ NULL, 0 }, &out));
    assert_true(weir_parse_date(text_of("2000-02-29"), &out));
    assert_true(weir_parse_date(text_of("0001-02-29 BC"), &out));       /* the year 0 leaps */
}

static void test_times_round_trip_as_text(void **state)
{
    (void)state;
    static const struct sample { int64_t usec; const char *text; } samples[] = {
        { 0, "00:00:00" }, { 86400000000, "24:00:00" }, { 86399999999, "23:59:59.999999" }, { 45000250000, "12:30:00.25" },
        { 1, "00:00:00.000001" }, { 100, "00:00:00.0001" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        weir_time back = { 5 };
        assert_format(WEIR_VALUE((weir_time){ samples[i].usec }), samples[i].text);
        assert_true(weir_parse_time(text_of(samples[i].text), &back));
        assert_true(back.usec == samples[i].usec);
    }
    static const char *const bad[] = { "24:00:01", "24:00:00.000001", "25:00:00", "12:60:00", "12:00:60", "1:00:00", "12", "12:3",
        "12:30:00.", "12:30:00.0000001", "12:30:00Z", "12:30:", "", "12.30", "-1:00:00" };
    weir_time out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_parse_time(text_of(bad[i]), &out));
    assert_true(weir_parse_time(text_of("12:30"), &out) && out.usec == 45000000000);
    assert_true(weir_parse_time(text_of("00:00:00.100000000"), &out) && out.usec == 100000);
}

static void test_times_with_zone_round_trip_as_text(void **state)
{
    (void)state;
    static const struct sample { int64_t usec; int32_t offset; const char *text; } samples[] = {
        { 45000000000, 0, "12:30:00+00:00" }, { 45000250000, 19800, "12:30:00.25+05:30" }, { 0, -12600, "00:00:00-03:30" },
        { 86400000000, 57599, "24:00:00+15:59:59" }, { 1000000, -57599, "00:00:01-15:59:59" }, { 0, 1172, "00:00:00+00:19:32" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        weir_timetz back = { 5, 5 };
        assert_format(WEIR_VALUE(((weir_timetz){ samples[i].usec, samples[i].offset })), samples[i].text);
        assert_true(weir_parse_timetz(text_of(samples[i].text), &back));
        assert_true(back.usec == samples[i].usec);
        assert_int_equal(back.offset, samples[i].offset);
    }
    weir_timetz out;
    assert_true(weir_parse_timetz(text_of("12:30:00+02"), &out) && out.offset == 7200);
    assert_true(weir_parse_timetz(text_of("12:30-0230"), &out) && out.offset == -9000);
    assert_true(weir_parse_timetz(text_of("12:30:00Z"), &out) && out.offset == 0);
    static const char *const bad[] = { "12:30:00", "12:30:00+", "12:30:00+2", "12:30:00+16", "12:30:00+02:60", "12:30:00+02:",
        "12:30:00+02:00:", "12:30:00+02:00:60", "12:30:00+020", "12:30:00Zx", "12:30:00 +02", "12:30:00+020000" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_parse_timetz(text_of(bad[i]), &out));
}

static void test_timestamps_round_trip_as_text(void **state)
{
    (void)state;
    static const struct sample { int64_t usec; const char *text; } samples[] = {
        { 0, "1970-01-01T00:00:00" }, { 1714566600250000, "2024-05-01T12:30:00.25" }, { -1, "1969-12-31T23:59:59.999999" },
        { WEIR_TIMESTAMP_INFINITY, "infinity" }, { WEIR_TIMESTAMP_MINUS_INFINITY, "-infinity" },
        { INT64_MAX - 1, "294247-01-10T04:00:54.775806" }, { INT64_MIN + 1, "290309-12-21T19:59:05.224193 BC" },
        { -210866803200000000, "4714-11-24T00:00:00 BC" }, { -62135596800000000, "0001-01-01T00:00:00" },
        { -62135596800000001, "0001-12-31T23:59:59.999999 BC" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        int64_t back = 5;
        bool zoned = true;
        assert_format(WEIR_VALUE((weir_timestamp){ samples[i].usec }), samples[i].text);
        assert_true(weir_parse_timestamp(text_of(samples[i].text), &back, &zoned));
        assert_true(back == samples[i].usec);
        assert_false(zoned);
        const char *text = format(WEIR_VALUE((weir_timestamptz){ samples[i].usec }));
        assert_true(weir_parse_timestamp(text_of(text), &back, &zoned));
        assert_true(back == samples[i].usec);
    }
    assert_format(WEIR_VALUE((weir_timestamptz){ 1714566600250000 }), "2024-05-01T12:30:00.25Z");
    assert_format(WEIR_VALUE((weir_timestamptz){ -62135596800000001 }), "0001-12-31T23:59:59.999999Z BC");
}

static void test_timestamps_in_other_spellings(void **state)
{
    (void)state;
    static const struct sample { const char *text; int64_t usec; bool zoned; } samples[] = {
        { "2024-05-01 12:30:00", 1714566600000000, false }, { "2024-05-01 12:30", 1714566600000000, false },
        { "2024-05-01 14:30:00+02", 1714566600000000, true }, { "2024-05-01 12:30:00z", 1714566600000000, true },
        { "2024-05-01 07:00:00-05:30", 1714566600000000, true }, { "1970-01-01 00:19:32+00:19:32", 0, true },
        { "2024-04-30T24:00:00", 1714521600000000, false }, { "0001-12-31 23:00:00-01 BC", -62135596800000000, true },
    };
    int64_t usec;
    bool zoned;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        assert_true(weir_parse_timestamp(text_of(samples[i].text), &usec, &zoned));
        assert_true(usec == samples[i].usec);
        assert_int_equal(zoned, samples[i].zoned);
    }
    static const char *const bad[] = { "2024-05-01", "2024-05-01T", "2023-02-29T00:00:00", "2024-05-01t12:30:00",
        "2024-05-01  12:30:00",
        "294247-01-10T04:00:54.775807", "294276-12-31T23:59:59", "290309-12-21T19:59:05.224192 BC", "1714566600",
        "2024-05-01 12:30:00 UTC",
        "5874897-01-01T00:00:00", "2024-05-01T24:30:00", "" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_parse_timestamp(text_of(bad[i]), &usec, &zoned));
}

static void test_dates_and_timestamps_convert_where_exact(void **state)
{
    (void)state;
    weir_date date = { 0 };
    weir_timestamp moment = { 0 };
    weir_timestamptz instant = { 0 };
    weir_value midnight = WEIR_VALUE((weir_timestamp){ -86400000000 }),
        forever = WEIR_VALUE((weir_timestamp){ WEIR_TIMESTAMP_INFINITY });
    assert_int_equal(weir_value_as_date(&midnight, &date, NULL), WEIR_OK);
    assert_int_equal(date.days, -1);
    assert_int_equal(weir_value_as_date(&forever, &date, NULL), WEIR_OK);
    assert_int_equal(date.days, WEIR_DATE_INFINITY);
    assert_int_equal(weir_value_as_date(AT("2024-05-01"), &date, NULL), WEIR_OK);
    assert_int_equal(date.days, 19844);
    assert_int_equal(weir_value_as_date(AT("2024-05-01 00:00:00"), &date, NULL), WEIR_OK);
    assert_int_equal(weir_value_as_timestamp(AT((weir_date){ 1 }), &moment, NULL), WEIR_OK);
    assert_true(moment.usec == 86400000000);
    assert_int_equal(weir_value_as_timestamp(AT((weir_date){ WEIR_DATE_MINUS_INFINITY }), &moment, NULL), WEIR_OK);
    assert_true(moment.usec == WEIR_TIMESTAMP_MINUS_INFINITY);
    assert_int_equal(weir_value_as_timestamp(AT("2024-05-01"), &moment, NULL), WEIR_OK);
    assert_true(moment.usec == 1714521600000000);
    assert_int_equal(weir_value_as_timestamptz(AT("1970-01-01 00:00:01"), &instant, NULL), WEIR_OK);
    assert_true(instant.usec == 1000000);
    assert_int_equal(weir_value_as_timestamptz(AT("1970-01-01 00:00:01-01"), &instant, NULL), WEIR_OK);
    assert_true(instant.usec == 3601000000);

    refuses_date(WEIR_VALUE((weir_timestamp){ 1 }), "timestamp 1970-01-01T00:00:00.000001 is not midnight, so not a date");
    refuses_date(WEIR_VALUE("2024-05-01 10:00:00"), "text '2024-05-01 10:00:00' is not midnight, so not a date");
    refuses_date(WEIR_VALUE("2024-05-01 00:00:00Z"), "text '2024-05-01 00:00:00Z' has a zone, so not a date");
    refuses_date(WEIR_VALUE("2023-02-29"), "text '2023-02-29' is not a date");
    refuses_date(WEIR_VALUE(19844), "int64 19844 is a number, not a date or time; convert it in SQL");
    refuses_timestamp(WEIR_VALUE((weir_date){ 2145042905 }), "date 5874897-12-31 is beyond timestamp");
    refuses_timestamp(WEIR_VALUE((weir_timestamptz){ 0 }),
        "timestamptz 1970-01-01T00:00:00Z has a zone; use the timestamptz getter");
    refuses_timestamp(WEIR_VALUE("1970-01-01 00:00:00+01"),
        "text '1970-01-01 00:00:00+01' has a zone; use the timestamptz getter");
    refuses_timestamp(WEIR_VALUE(2460000.5), "double 2460000.5 is a number, not a date or time; convert it in SQL");
    refuses_timestamptz(WEIR_VALUE((weir_timestamp){ 0 }), "timestamp 1970-01-01T00:00:00 has no zone; use the timestamp getter");
    refuses_timestamptz(WEIR_VALUE((weir_date){ 0 }), "date 1970-01-01 has no zone; use the timestamp getter");
    refuses_timestamptz(WEIR_VALUE(0), "int64 0 is a number, not a date or time; convert it in SQL");
    refuses_time(WEIR_VALUE("24:30"), "text '24:30' is not a time");
    refuses_timetz(WEIR_VALUE("12:30"), "text '12:30' is not a time with zone");
    refuses_timetz(WEIR_VALUE((weir_time){ 0 }), "time 00:00:00 has no zone");
}

static void test_intervals_round_trip_as_text(void **state)
{
    (void)state;
    static const struct sample { weir_interval value; const char *text; } samples[] = {
        { { 0, 0, 0 }, "PT0S" }, { { 14706500000, 3, 14 }, "P1Y2M3DT4H5M6.5S" }, { { -1, 0, 0 }, "PT-0.000001S" },
        { { -14706500000, -3, -14 }, "P-1Y-2M-3DT-4H-5M-6.5S" }, { { 3600000000, -1, 12 }, "P1Y-1DT1H" }, { { 0, 7, 0 }, "P7D" },
        { { 60000000, 0, 1 }, "P1MT1M" }, { { INT64_MAX, 0, 0 }, "PT2562047788H54.775807S" },
        { { INT64_MIN, 0, 0 }, "PT-2562047788H-54.775808S" }, { { INT64_MAX, INT32_MAX, INT32_MAX }, "infinity" },
        { { INT64_MIN, INT32_MIN, INT32_MIN }, "-infinity" }, { { 0, INT32_MIN, INT32_MIN }, "P-178956970Y-8M-2147483648D" },
        { { -9223372033200000001 + 1, INT32_MIN, -2147483639 }, "P-178956969Y-11M-2147483648DT-2562047787H" },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        weir_interval back = { 5, 5, 5 };
        assert_format(WEIR_VALUE(samples[i].value), samples[i].text);
        assert_true(weir_parse_interval(text_of(samples[i].text), &back));
        assert_true(weir_value_equal(AT(back), AT(samples[i].value)));
    }
    char longest[WEIR_FORMATTED_SIZE];
    weir_interval widest = { -(INT64_C(2562047787) * 3600 + 59 * 60 + 59) * 1000000 - 999999, INT32_MIN, -2147483639 };
    assert_true(weir_format_interval(longest, widest) < sizeof longest);
    assert_string_equal(longest, "P-178956969Y-11M-2147483648DT-2562047787H-59M-59.999999S");
}

static void test_malformed_intervals_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "P", "PT", "P1", "1Y", "P1YT", "P1H", "PT1D", "P1M1Y", "PT1S1M", "P1Y1Y", "P1.5Y", "PT1.5M", "PT1.S", "PT.5S",
        "PT1.0000001S",
        "P1Y ", "PTT1H", "P--1Y", "P178956971Y", "P2147483648D", "PT2562047789H", "PT9223372036854775808S",
        "P1Y2M3DT4H5M6.5S7", "1 day",
        "P99999999999999999999Y", "PT2562047788H54.775808S", "P1y",
    };
    weir_interval out = { 0, 0, 0 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_parse_interval(text_of(bad[i]), &out));
    assert_false(weir_parse_interval((weir_text){ NULL, 0 }, &out));
    assert_true(weir_parse_interval(text_of("P2W1D"), &out) && out.days == 15);
    assert_true(weir_parse_interval(text_of("PT90M"), &out) && out.usec == 5400000000);
    refuses_interval(WEIR_VALUE("1 day"), "text '1 day' is not an interval");
}

static void test_uuids_round_trip_and_malformed_are_refused(void **state)
{
    (void)state;
    const char *text = "00112233-4455-6677-8899-aabbccddeeff";
    weir_uuid uuid, again;
    assert_true(weir_parse_uuid(text_of(text), &uuid));
    for (int i = 0; i < 16; i++)
        assert_int_equal(uuid.bytes[i], i * 0x11);
    assert_format(WEIR_VALUE(uuid), text);
    assert_true(weir_parse_uuid(text_of("00112233-4455-6677-8899-AABBCCDDEEFF"), &again));
    assert_memory_equal(&uuid, &again, sizeof uuid);
    static const char *const bad[] = { "", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
        "00112233445566778899aabbccddeeff", "0011223-34455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefg",
        "00112233-4455-6677-8899_aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeef}", "0011223--4455-6677-8899-aabbccddeeff" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weir_parse_uuid(text_of(bad[i]), &again));
    weir_value blob = WEIR_VALUE(((weir_blob){ uuid.bytes, 16 }));
    assert_int_equal(weir_value_as_uuid(&blob, &again, NULL), WEIR_OK);
    refuses_uuid(WEIR_VALUE(((weir_blob){ uuid.bytes, 15 })), "blob of 15 bytes is not a uuid");
    refuses_uuid(WEIR_VALUE("x"), "text 'x' is not a uuid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar_days_round_trip),
        cmocka_unit_test(test_each_day_of_400_years_follows_the_one_before),
        cmocka_unit_test(test_dates_round_trip_as_text),
        cmocka_unit_test(test_dates_that_do_not_exist_are_refused),
        cmocka_unit_test(test_times_round_trip_as_text),
        cmocka_unit_test(test_times_with_zone_round_trip_as_text),
        cmocka_unit_test(test_timestamps_round_trip_as_text),
        cmocka_unit_test(test_timestamps_in_other_spellings),
        cmocka_unit_test(test_dates_and_timestamps_convert_where_exact),
        cmocka_unit_test(test_intervals_round_trip_as_text),
        cmocka_unit_test(test_malformed_intervals_are_refused),
        cmocka_unit_test(test_uuids_round_trip_and_malformed_are_refused),
    };
    return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
