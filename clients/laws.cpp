#include "clients/laws.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "common/error.hpp"
#include "common/program.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

constexpr std::uint64_t largest_bytes = 1 << 30;
constexpr std::size_t most_choices = 64;
constexpr std::uint64_t heaviest = 1'000'000;
constexpr Nanoseconds longest_time = std::chrono::hours(1);
constexpr std::uint64_t largest_mean = 16 << 20;
constexpr std::uint64_t exponential_bound = 37;  // Draw::longest, and a byte of rounding

/// An option as it was given.
struct Given {
  std::string_view option;
  std::string_view text;

  [[nodiscard]] UsageError wrong(std::string_view why) const {
    return UsageError(fmt::format("{}: '{}' {}", option, text, why));
  }
};

/// What follows `name` in `text`.
std::optional<std::string_view> after(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  return text.substr(name.size());
}

/// "a-b" as its two parts; the second is empty where there is no dash.
std::pair<std::string_view, std::string_view> halves(std::string_view text, char at) {
  const std::size_t cut = text.find(at);
  if (cut == text.npos) return {text, {}};
  return {text.substr(0, cut), text.substr(cut + 1)};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto bytes = parse_bytes(text);
  return bytes && *bytes >= 1 && *bytes <= largest_bytes ? bytes : std::nullopt;
}

std::optional<std::int64_t> parse_time_ns(std::string_view text) {
  const auto time = parse_duration(text);
  if (!time || *time > longest_time) return std::nullopt;
  return time->count();
}

/// "64@90,4KiB@10".
std::vector<SizeChoice> parse_choices(const Given& given, std::string_view text) {
  std::vector<SizeChoice> choices;
  std::uint64_t weights = 0;
  for (const std::string& part : split(text)) {
    const auto [size, weight_text] = halves(part, '@');
    const auto bytes = parse_size(size);
    const bool weighted = part.find('@') != part.npos;
    const auto weight =
        weighted ? parse_count(weight_text) : std::optional<std::uint64_t>(1);
    if (!bytes || !weight || *weight < 1 || *weight > heaviest)
      throw given.wrong(
          fmt::format("has '{}': 4KiB@10 would be right, a size of 1 B to 1 GiB and a "
                      "weight of 1 to 1M",
                      part));
    choices.push_back({*bytes, weights += *weight});
  }
  if (choices.empty() || choices.size() > most_choices)
    throw given.wrong(
        fmt::format("lists {} sizes; 1 to {} are right, such as list:64@90,4KiB@10",
                    choices.size(), most_choices));
  return choices;
}

}  // namespace

SizeLaw::SizeLaw(std::uint64_t bytes)
    : least_(bytes),
      most_(bytes),
      mean_(static_cast<double>(bytes)),
      text_(std::to_string(bytes)) {}

SizeLaw SizeLaw::uniform(std::uint64_t least, std::uint64_t most) {
  SizeLaw law(least);
  law.kind_ = Kind::uniform;
  law.most_ = most;
  law.mean_ = static_cast<double>(least + most) / 2;
  return law;
}

SizeLaw SizeLaw::exponential(std::uint64_t mean) {
  SizeLaw law(mean);
  law.kind_ = Kind::exponential;
  law.least_ = 1;
  law.most_ = exponential_bound * mean;
  // Rounded up it is geometric with p = 1 - e^(-1/scale), whose mean is 1/p.
  if (mean > 1) law.scale_ = -1 / portable_log(1 - 1 / static_cast<double>(mean));
  return law;
}

SizeLaw SizeLaw::list(std::vector<SizeChoice> choices) {
  const auto [least, most] = std::ranges::minmax(choices, {}, &SizeChoice::bytes);
  SizeLaw law(least.bytes);
  law.kind_ = Kind::list;
  law.most_ = most.bytes;
  double sum = 0;
  std::uint64_t before = 0;
  for (const SizeChoice& choice : choices) {
    const std::uint64_t weight = choice.weights - std::exchange(before, choice.weights);
    sum += static_cast<double>(choice.bytes) * static_cast<double>(weight);
  }
  law.mean_ = sum / static_cast<double>(before);
  law.choices_ = std::move(choices);
  return law;
}

SizeLaw SizeLaw::parse(std::string_view option, std::string_view text) {
  const Given given{option, text};
  SizeLaw law;
  if (const auto range = after(text, "uniform:")) {
    const auto [low, high] = halves(*range, '-');
    const auto least = parse_size(low);
    const auto most = parse_size(high);
    if (!least || !most || *least > *most)
      throw given.wrong("is no range of sizes such as uniform:64-4KiB, 1 B to 1 GiB");
    law = uniform(*least, *most);
  } else if (const auto mean_text = after(text, "exp:")) {
    const auto mean = parse_size(*mean_text);
    if (!mean || *mean > largest_mean)
      throw given.wrong("is no mean size such as exp:1KiB, 1 B to 16 MiB");
    law = exponential(*mean);
  } else if (const auto sizes = after(text, "list:")) {
    law = list(parse_choices(given, *sizes));
  } else if (const auto bytes = parse_size(text)) {
    law = SizeLaw(*bytes);
  } else {
    throw given.wrong(
        "is neither a size of 1 B to 1 GiB such as 64 or 16KiB nor one of "
        "uniform:64-4KiB, list:64@90,4KiB@10 and exp:1KiB");
  }
  law.text_ = text;
  return law;
}

std::uint64_t SizeLaw::drawn(std::uint64_t connection, std::uint64_t number) const {
  Draw draw(scrambled(seed_ ^ connection) ^ number);
  /// Of 0 … below - 1; below is 2^31 at most, so that none is favoured by 2^-22.
  const auto whole = [&draw](std::uint64_t below) {
    return static_cast<std::uint64_t>((1 - draw.uniform()) * static_cast<double>(below));
  };
  switch (kind_) {
    case Kind::fixed:
      return least_;
    case Kind::uniform:
      return least_ + whole(most_ - least_ + 1);
    case Kind::list: {
      const std::uint64_t place = whole(choices_.back().weights);
      return std::ranges::upper_bound(choices_, place, {}, &SizeChoice::weights)->bytes;
    }
    case Kind::exponential: {
      const double bytes = std::ceil(scale_ * draw.exponential());
      return std::clamp(static_cast<std::uint64_t>(bytes), least_, most_);
    }
  }
  return least_;
}

TimeLaw TimeLaw::parse(std::string_view option, std::string_view text) {
  const Given given{option, text};
  TimeLaw law;
  law.text_ = text;
  if (const auto range = after(text, "uniform:")) {
    const auto [low, high] = halves(*range, '-');
    const auto least = parse_time_ns(low);
    const auto most = parse_time_ns(high);
    if (!least || !most || *least > *most)
      throw given.wrong("is no range of times such as uniform:1ms-5ms, up to 1 h");
    law.kind_ = Kind::uniform;
    law.least_ns_ = *least;
    law.most_ns_ = *most;
    return law;
  }
  const auto mean = after(text, "exp:");
  const auto time = parse_time_ns(mean.value_or(text));
  if (!time)
    throw given.wrong(
        "is neither a time of up to 1 h such as 10ms nor one of exp:10ms and "
        "uniform:1ms-5ms");
  law.kind_ = mean ? Kind::exponential : Kind::fixed;
  law.most_ns_ = *time;
  return law;
}

double TimeLaw::mean_ns() const {
  const auto most = static_cast<double>(most_ns_);
  if (kind_ == Kind::uniform) return (static_cast<double>(least_ns_) + most) / 2;
  return most;
}

std::int64_t TimeLaw::draw_ns(Draw& draw) const {
  switch (kind_) {
    case Kind::fixed:
      return most_ns_;
    case Kind::uniform: {
      const auto values = static_cast<double>(most_ns_ - least_ns_ + 1);
      return least_ns_ + static_cast<std::int64_t>((1 - draw.uniform()) * values);
    }
    case Kind::exponential:
      return std::llround(static_cast<double>(most_ns_) * draw.exponential());
  }
  return most_ns_;
}

}  // namespace echolab
