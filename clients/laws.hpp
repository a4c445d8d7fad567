// Laws of chance for what a load asks: how large each request is, how long it thinks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clients/draw.hpp"

namespace echolab {

/// One size of a list.
struct SizeChoice {
  std::uint64_t bytes;
  std::uint64_t weights;  ///< of this one and all before it
};

/// How many bytes each request has:
///
///     64                  always the same
///     uniform:64-4KiB     every size between alike, both ends included
///     list:64@90,4KiB@10  sizes with weights, whole numbers; without @ the weight is 1
///     exp:1KiB            the mean of an exponential law, rounded up to whole bytes (so
///     a
///                         geometric one): 1 byte at least, 37 times the mean at most, as
///                         53 random bits give no more
///
/// A size follows from the seed, the connection and the request's number alone, so that
/// every server is asked the same, and a reply's size need not be stored.
class SizeLaw {
 public:
  explicit SizeLaw(std::uint64_t bytes = 64);

  /// Throws UsageError that names `option`.
  static SizeLaw parse(std::string_view option, std::string_view text);
  /// As parse() takes it, and took it.
  [[nodiscard]] const std::string& text() const { return text_; }

  [[nodiscard]] std::uint64_t least() const { return least_; }
  [[nodiscard]] std::uint64_t most() const { return most_; }
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] bool is_fixed() const { return kind_ == Kind::fixed; }

  void seed(std::uint64_t seed) { seed_ = scrambled(seed); }
  /// The size of request `number` of `connection`, 1 … 2^30.
  [[nodiscard]] std::uint64_t of(std::uint64_t connection, std::uint64_t number) const {
    return is_fixed() ? least_ : drawn(connection, number);
  }

 private:
  enum class Kind { fixed, uniform, list, exponential };

  static SizeLaw uniform(std::uint64_t least, std::uint64_t most);
  static SizeLaw exponential(std::uint64_t mean);
  static SizeLaw list(std::vector<SizeChoice> choices);
  [[nodiscard]] std::uint64_t drawn(std::uint64_t connection, std::uint64_t number) const;

  Kind kind_ = Kind::fixed;
  std::uint64_t least_;
  std::uint64_t most_;
  double mean_;
  double scale_ = 0;  ///< exponential: the mean before it is rounded up
  std::uint64_t seed_ = scrambled(1);
  std::vector<SizeChoice> choices_;
  std::string text_;
};

/// How long something lasts, up to 1 h: "10ms", "uniform:1ms-5ms", or "exp:10ms", the
/// mean of an exponential law; "0" is no time at all.
class TimeLaw {
 public:
  TimeLaw() = default;

  /// Throws UsageError that names `option`.
  static TimeLaw parse(std::string_view option, std::string_view text);
  /// As parse() takes it, and took it.
  [[nodiscard]] const std::string& text() const { return text_; }

  [[nodiscard]] bool is_zero() const { return most_ns_ == 0; }
  [[nodiscard]] double mean_ns() const;
  /// From 0 on; an exponential law gives up to 37 times its mean.
  [[nodiscard]] std::int64_t draw_ns(Draw& draw) const;

 private:
  enum class Kind { fixed, uniform, exponential };

  Kind kind_ = Kind::fixed;
  std::int64_t least_ns_ = 0;
  std::int64_t most_ns_ = 0;  ///< fixed: the time; exponential: the mean
  std::string text_ = "0";
};

}  // namespace echolab
