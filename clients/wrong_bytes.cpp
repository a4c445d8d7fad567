#include "clients/wrong_bytes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace echolab {
namespace {

/// Fewer bytes may be anybody's.
constexpr std::size_t least_evidence = 4;
constexpr std::size_t most_evidence = 16;
/// How far from its place a byte is looked for before others are suspected: it is found
/// there by chance in 2 × 256 of 2^16 cases.
constexpr std::uint64_t near = 256;
constexpr std::uint64_t far = 64 * 1024;
constexpr std::size_t longest_insertion = 64;
/// Over which wrong bytes are told from a stream that is out of step.
constexpr std::size_t compared = 256;

/// Begins where the first wrong byte is.
class Inquiry {
 public:
  Inquiry(const WrongBytes& wrong, const Speech& speech, const Suspects& suspects)
      : speech_(speech),
        suspects_(suspects),
        connection_(wrong.connection),
        said_(wrong.said),
        first_(wrong.position),
        bytes_(wrong.bytes) {
    while (!bytes_.empty() && first_ < said_ && bytes_[0] == said(first_)) {
      bytes_ = bytes_.subspan(1);
      ++first_;
    }
    for (const RequestPlace& request : suspects_.own)
      if (request.begin <= first_) asked_ = request;
    for (const RequestPlace& request : suspects_.own)
      if (request.begin > first_) rest_ = std::min(rest_, request.begin - first_);
    const auto rest = static_cast<std::size_t>(rest_ < least_evidence ? far : rest_);
    evidence_ = bytes_.first(std::min({bytes_.size(), rest, most_evidence}));
  }

  [[nodiscard]] Fault found() const {
    const bool is_extra = first_ >= said_;
    if (!is_extra)
      for (const auto look : {&Inquiry::some_altered, &Inquiry::some_inserted})
        if (const auto fault = (this->*look)()) return *fault;
    if (evidence_.size() >= least_evidence)
      for (const auto look :
           {&Inquiry::another_request, &Inquiry::somewhere_near,
            &Inquiry::another_connection, &Inquiry::somewhere_far, &Inquiry::somebody})
        if (const auto fault = (this->*look)()) return *fault;
    if (is_extra)
      return {Wrong::unasked, fmt::format("{}: {} bytes more than had been asked for",
                                          where(), bytes_.size())};
    return {Wrong::altered, fmt::format("{}: {}", where(), first_byte())};
  }

 private:
  [[nodiscard]] std::byte said(std::uint64_t position) const {
    return speech_.at(connection_, position, 1)[0];
  }
  [[nodiscard]] bool is_said(Bytes bytes, std::uint64_t connection,
                             std::uint64_t position) const {
    while (!bytes.empty()) {
      const Bytes right = speech_.at(connection, position, bytes.size());
      if (!std::ranges::equal(right, bytes.first(right.size()))) return false;
      bytes = bytes.subspan(right.size());
      position += right.size();
    }
    return true;
  }
  [[nodiscard]] bool is_own(std::uint64_t position) const {
    return position != first_ && position + evidence_.size() <= said_ &&
           is_said(evidence_, connection_, position);
  }
  [[nodiscard]] std::string where() const {
    if (!asked_)
      return fmt::format("connection {}, after {} right bytes", connection_, first_);
    return fmt::format("connection {}, reply {}, byte {}", connection_, asked_->number,
                       first_ - asked_->begin);
  }
  [[nodiscard]] std::string first_byte() const {
    return fmt::format("{:#04x} instead of {:#04x}", static_cast<unsigned>(bytes_[0]),
                       static_cast<unsigned>(said(first_)));
  }

  /// The stream is in step: only some bytes of this reply are not right.
  [[nodiscard]] std::optional<Fault> some_altered() const {
    const std::uint64_t rest = std::min(rest_, said_ - first_);
    const auto n = static_cast<std::size_t>(
        std::min<std::uint64_t>({bytes_.size(), compared, rest}));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i) wrong += bytes_[i] != said(first_ + i) ? 1 : 0;
    if (wrong * 2 > n) return std::nullopt;
    return Fault{Wrong::altered, fmt::format("{}: {}, and {} of {} bytes altered",
                                             where(), first_byte(), wrong, n)};
  }

  /// Some bytes too many, and then what was expected.
  [[nodiscard]] std::optional<Fault> some_inserted() const {
    for (std::size_t n = 1; n <= longest_insertion; ++n) {
      if (bytes_.size() < n + least_evidence) break;
      const Bytes then = bytes_.subspan(n, std::min(most_evidence, bytes_.size() - n));
      if (first_ + then.size() > said_ || !is_said(then, connection_, first_)) continue;
      if (n <= first_ && is_said(bytes_.first(n), connection_, first_ - n))
        return Fault{Wrong::duplicated,
                     fmt::format("{}: the {} bytes before it again", where(), n)};
      return Fault{Wrong::unasked,
                   fmt::format("{}: {} bytes that nobody asked for, and then the right "
                               "ones",
                               where(), n)};
    }
    return std::nullopt;
  }

  [[nodiscard]] Fault own_at(std::uint64_t position) const {
    if (position > first_)
      return {Wrong::dropped, fmt::format("{}: {} bytes before it are missing", where(),
                                          position - first_)};
    return {Wrong::duplicated, fmt::format("{}: the bytes of {} bytes before again",
                                           where(), first_ - position)};
  }

  [[nodiscard]] std::optional<Fault> another_request() const {
    if (!asked_) return std::nullopt;
    for (const RequestPlace& request : suspects_.own) {
      if (!is_own(request.begin + (first_ - asked_->begin))) continue;
      if (request.begin < asked_->begin || first_ >= said_)
        return Fault{Wrong::duplicated, fmt::format("{}: the bytes of reply {} again",
                                                    where(), request.number)};
      return Fault{Wrong::dropped,
                   fmt::format("{}: the bytes of reply {}; {} bytes are missing", where(),
                               request.number, request.begin - asked_->begin)};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Fault> within(std::uint64_t from, std::uint64_t to) const {
    for (std::uint64_t distance = from; distance <= to; ++distance) {
      if (is_own(first_ + distance)) return own_at(first_ + distance);
      if (distance <= first_ && is_own(first_ - distance))
        return own_at(first_ - distance);
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<Fault> somewhere_near() const { return within(1, near); }
  [[nodiscard]] std::optional<Fault> somewhere_far() const {
    return suspects_.thorough ? within(near + 1, far) : std::nullopt;
  }

  [[nodiscard]] std::optional<Fault> another_connection() const {
    const std::uint64_t inside = asked_ && first_ < said_ ? first_ - asked_->begin : 0;
    for (const RequestPlace& request : suspects_.others)
      if (is_said(evidence_, request.connection, request.begin + inside))
        return Fault{Wrong::swapped,
                     fmt::format("{}: the bytes of connection {}, reply {}", where(),
                                 request.connection, request.number)};
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Fault> somebody() const {
    // Not all of it: a frame's head may follow, which is no part of the pattern.
    if (!speech_.holds(evidence_.first(std::min(evidence_.size(), most_evidence / 2))))
      return std::nullopt;
    return Fault{Wrong::swapped,
                 where() + ": bytes of another connection, or of another time"};
  }

  const Speech& speech_;
  const Suspects& suspects_;
  const std::uint64_t connection_;
  const std::uint64_t said_;
  std::uint64_t first_;
  Bytes bytes_;
  std::optional<RequestPlace> asked_;  ///< in whose reply the first wrong byte is
  std::uint64_t rest_ = far;           ///< of that reply
  Bytes evidence_;
};

}  // namespace

Fault explain(const WrongBytes& wrong, const Speech& speech, const Suspects& suspects) {
  return Inquiry(wrong, speech, suspects).found();
}

}  // namespace echolab
