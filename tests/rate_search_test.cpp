// The search for the highest rate: simulated servers whose answer is known beforehand.

#include "clients/rate_search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "clients/latency_promise.hpp"
#include "clients/load_report.hpp"
#include "clients/search_report.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Kind = RateAnswer::Kind;
using Purpose = RateTrial::Purpose;
using Server = std::function<Outcome(const RateTrial&)>;

/// Everything that was tried, and what came out.
struct Found {
  std::vector<RateTrial> trials;
  RateAnswer answer;
};

Found find(const RateSearchPlan& plan, const Server& server) {
  RateSearch search(plan);
  Found found;
  while (const auto trial = search.next()) {
    found.trials.push_back(*trial);
    search.tell(server(*trial));
    if (found.trials.size() > plan.most_trials) break;
  }
  EXPECT_LE(found.trials.size(), plan.most_trials);
  found.answer = search.answer();
  return found;
}

/// M/M/1: responses are exponential with rate mu - lambda.
double p99_s(double mu, double lambda) {
  return lambda < mu ? std::log(100) / (mu - lambda) : 1e9;
}
double highest_rate(double mu, double limit_s) {
  return mu - std::log(100) / limit_s;
}

Server mm1(double mu, double limit_s) {
  return [=](const RateTrial& trial) {
    if (trial.rate >= mu) return Outcome::overloaded;
    return p99_s(mu, trial.rate) < limit_s ? Outcome::kept : Outcome::broken;
  };
}

TEST(RateSearch, encloses_the_rate_of_an_mm1_server_as_near_as_was_wanted) {
  for (const double mu : {700.0, 5'000.0, 123'456.0, 3e6})
    for (const double share : {0.1, 0.5, 0.9, 0.99})
      for (const double precision : {0.02, 0.05, 0.3}) {
        const double truth = share * mu;
        const double limit_s = p99_s(mu, truth);
        const Found found = find({.precision = precision}, mm1(mu, limit_s));
        ASSERT_EQ(found.answer.kind, Kind::interval) << mu << " " << share;
        const double low = found.answer.kept->rate;
        const double high = found.answer.broken->rate;
        EXPECT_LT(low, truth * (1 + 1e-9));
        EXPECT_GE(high, truth * (1 - 1e-9));
        EXPECT_LE(high / low, (1 + precision) * (1 + 1e-6));
        EXPECT_TRUE(found.answer.kept->confirmed && found.answer.broken->confirmed);
      }
}

TEST(RateSearch, with_noise_errs_by_no_more_than_the_confirming_trials_do) {
  constexpr double mu = 10'000;
  constexpr double limit_s = 2e-3;
  constexpr double brief_noise = 0.2;  // p99s are off by so much at most …
  constexpr double noise = 0.05;       // … and those of confirming trials by so much
  int intervals = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    const Found found = find({}, [&](const RateTrial& trial) {
      const double most = trial.purpose == Purpose::confirm ? noise : brief_noise;
      const double off = std::uniform_real_distribution(-most, most)(random);
      return p99_s(mu, trial.rate) * (1 + off) < limit_s ? Outcome::kept
                                                         : Outcome::broken;
    });
    ASSERT_TRUE(found.answer.kind == Kind::interval || found.answer.kind == Kind::noisy);
    // What was confirmed as kept has a p99 below limit / (1 - noise), in truth.
    if (found.answer.kept) {
      EXPECT_LT(found.answer.kept->rate, highest_rate(mu, limit_s / (1 - noise)));
    }
    if (found.answer.broken) {
      EXPECT_GE(found.answer.broken->rate, highest_rate(mu, limit_s / (1 + noise)));
    }
    if (found.answer.kind != Kind::interval) continue;
    ++intervals;
    const double width = found.answer.broken->rate / found.answer.kept->rate;
    // Each doubt of a confirming trial moves an end away by the precision at most.
    EXPECT_LE(width, std::pow(1.05, found.answer.doubts ? 6 : 1) * (1 + 1e-6));
  }
  EXPECT_GE(intervals, 270) << "noise of the brief trials alone is mended";
}

/// The p99 of `n` responses of an M/M/1 server after as many to warm up (Lindley 1952).
double simulated_p99_s(double mu, double lambda, std::size_t n, std::mt19937_64& random) {
  std::exponential_distribution<double> gap(lambda);
  std::exponential_distribution<double> service(mu);
  std::vector<double> responses;
  double wait_s = 0;
  for (std::size_t i = 0; i < 2 * n; ++i) {
    const double served_s = wait_s + service(random);
    if (i >= n) responses.push_back(served_s);
    wait_s = std::max(0.0, served_s - gap(random));
  }
  const auto rank = static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(n));
  std::nth_element(responses.begin(), responses.begin() + rank, responses.end());
  return responses[static_cast<std::size_t>(rank)];
}

TEST(RateSearch, mostly_encloses_the_rate_of_a_queue_that_is_simulated_by_the_request) {
  constexpr double mu = 2'000;
  constexpr double limit_s = 0.02;
  const double truth = highest_rate(mu, limit_s);
  int enclosed = 0;
  int near = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937_64 random(seed);
    const Found found = find({}, [&](const RateTrial& trial) {
      const double seconds = std::chrono::duration<double>(trial.length).count();
      const auto n = static_cast<std::size_t>(trial.rate * seconds);
      if (trial.rate > mu) return Outcome::overloaded;
      return simulated_p99_s(mu, trial.rate, n, random) < limit_s ? Outcome::kept
                                                                  : Outcome::broken;
    });
    ASSERT_EQ(found.answer.kind, Kind::interval);
    const double low = found.answer.kept->rate;
    const double high = found.answer.broken->rate;
    enclosed += low <= truth && truth <= high ? 1 : 0;
    near += low <= truth * 1.05 && truth <= high * 1.05 ? 1 : 0;
  }
  // It is no confidence interval: 79 and 99. Believing every confirming trial: 54.
  EXPECT_GE(enclosed, 70);
  EXPECT_GE(near, 95);
}

TEST(RateSearch, moves_its_ends_apart_where_confirming_trials_disagree) {
  int confirming = 0;  // each second trial contradicts the one before
  const Server now_and_then = [&](const RateTrial& trial) {
    const bool in_doubt = trial.rate > 9'000 && trial.rate < 10'000;
    const bool contradicts =
        in_doubt && trial.purpose == Purpose::confirm && ++confirming % 2 == 1;
    return (trial.rate < 9'500) != contradicts ? Outcome::kept : Outcome::broken;
  };
  const Found found = find({.budget = 24h, .most_contradictions = 9}, now_and_then);
  ASSERT_EQ(found.answer.kind, Kind::interval);
  EXPECT_TRUE(found.answer.doubts);
  EXPECT_LE(found.answer.kept->rate, 9'000);
  EXPECT_GE(found.answer.broken->rate, 10'000);
  EXPECT_TRUE(found.answer.kept->confirmed && found.answer.broken->confirmed);
}

TEST(RateSearch, tells_overload_from_a_limit_that_is_passed) {
  EXPECT_EQ(find({}, mm1(5'000, 10.0)).answer.broken->outcome, Outcome::overloaded);
  EXPECT_EQ(find({}, mm1(5'000, 2e-3)).answer.broken->outcome, Outcome::broken);
}

TEST(RateSearch, never_calls_the_clients_limit_the_servers) {
  const Found found = find({}, [](const RateTrial& trial) {
    return trial.rate < 3'000 ? Outcome::kept : Outcome::client_bound;
  });
  EXPECT_EQ(found.answer.kind, Kind::at_least);
  EXPECT_LT(found.answer.kept->rate, 3'000);
  EXPECT_GE(found.answer.kept->rate, 3'000 / 1.05 - 10);
  EXPECT_EQ(found.answer.broken->outcome, Outcome::client_bound);
  const Found nothing = find({}, [](const RateTrial&) { return Outcome::client_bound; });
  EXPECT_EQ(nothing.answer.kind, Kind::at_least);
  EXPECT_FALSE(nothing.answer.kept);
}

TEST(RateSearch, a_client_that_was_late_for_once_does_not_end_it) {
  int trials = 0;
  const Found found = find({}, [&](const RateTrial& trial) {
    const bool late = ++trials == 2 || trials == 3;
    return late ? Outcome::client_bound : mm1(50'000, 2e-3)(trial);
  });
  EXPECT_EQ(found.answer.kind, Kind::interval);
  EXPECT_GT(found.answer.broken->rate, highest_rate(50'000, 2e-3));
}

TEST(RateSearch, one_stall_in_a_brief_trial_is_not_believed) {
  int trials = 0;
  const Found found = find({}, [&](const RateTrial& trial) {
    return ++trials == 2 ? Outcome::broken : mm1(50'000, 2e-3)(trial);
  });
  EXPECT_EQ(found.trials[2].rate, found.trials[1].rate);
  EXPECT_GT(found.trials[3].rate, found.trials[2].rate);
  EXPECT_EQ(found.answer.kind, Kind::interval);
}

TEST(RateSearch, confirming_trials_correct_brief_ones_in_both_directions) {
  const double truth = highest_rate(10'000, 2e-3);
  for (const double bias : {0.8, 0.93, 1.07, 1.3}) {  // of the brief trials
    const Found found = find({}, [&](const RateTrial& trial) {
      const double factor = trial.purpose == Purpose::confirm ? 1 : bias;
      return trial.rate < truth * factor ? Outcome::kept : Outcome::broken;
    });
    const RateAnswer& answer = found.answer;
    if (answer.kept) {
      EXPECT_LT(answer.kept->rate, truth) << bias;
    }
    if (answer.broken) {
      EXPECT_GE(answer.broken->rate, truth) << bias;
    }
    if (std::abs(bias - 1) < 0.1) {
      EXPECT_EQ(answer.kind, Kind::interval) << bias;
    }
  }
}

TEST(RateSearch, calls_it_noise_when_confirming_trials_contradict_brief_ones_for_ever) {
  const Found found = find({.budget = 24h}, [](const RateTrial& trial) {
    const bool late = trial.purpose == Purpose::confirm || trial.rate > 10'000;
    return late ? Outcome::broken : Outcome::kept;
  });
  EXPECT_EQ(found.answer.kind, Kind::noisy);
  EXPECT_FALSE(found.answer.kept);
  EXPECT_TRUE(found.answer.broken->confirmed);
}

TEST(RateSearch, ends_whatever_comes_and_claims_only_what_was_confirmed) {
  std::set<Kind> kinds;
  for (unsigned seed = 1; seed <= 2'000; ++seed) {
    std::mt19937_64 random(seed);
    std::map<double, std::set<bool>> confirmed;  // kept or not
    const Found found = find({.most_trials = 60}, [&](const RateTrial& trial) {
      const Outcome outcomes[] = {
          Outcome::kept,       Outcome::kept,  Outcome::kept,         Outcome::broken,
          Outcome::overloaded, Outcome::noisy, Outcome::client_bound, Outcome::too_few};
      const Outcome outcome = outcomes[random() % 8];
      if (trial.purpose == Purpose::confirm)
        confirmed[trial.rate].insert(outcome == Outcome::kept);
      return outcome;
    });
    const auto& [kind, kept, broken, doubts] = found.answer;
    kinds.insert(kind);
    EXPECT_NE(kind, Kind::unfinished);
    if (kept && broken) {
      EXPECT_LT(kept->rate, broken->rate);
    }
    if (kind != Kind::interval && kind != Kind::noisy && kind != Kind::spent) continue;
    if (kept) {
      EXPECT_TRUE(kept->confirmed && confirmed[kept->rate].contains(true));
    }
    if (broken) {
      EXPECT_TRUE(broken->confirmed && confirmed[broken->rate].contains(false));
    }
  }
  EXPECT_TRUE(kinds.contains(Kind::noisy) && kinds.contains(Kind::interval));
}

TEST(RateSearch, a_server_that_is_good_above_and_bad_below_does_not_loop) {
  const Found found = find({}, [](const RateTrial& trial) {  // dozes off when idle
    const bool dozes = trial.rate < 800 || (trial.rate > 3'000 && trial.rate < 5'000);
    return dozes || trial.rate > 20'000 ? Outcome::broken : Outcome::kept;
  });
  EXPECT_EQ(found.answer.kind, Kind::interval);
  EXPECT_NEAR(found.answer.broken->rate, 3'000, 150);
}

TEST(RateSearch, at_low_rates_looks_long_enough_for_its_quantile_or_not_at_all) {
  const Found found =
      find({.start = 20, .longest = 60s, .samples = 368, .budget = 24h}, mm1(40, 0.3));
  EXPECT_EQ(found.answer.kind, Kind::interval);
  for (const RateTrial& trial : found.trials) {
    const double seconds = std::chrono::duration<double>(trial.length).count();
    EXPECT_GE(trial.rate * seconds, 1.2 * 368);
    EXPECT_LE(seconds, 60);
  }
  const Found none = find({.start = 20, .samples = 368}, mm1(5, 0.3));
  EXPECT_EQ(none.answer.kind, Kind::none_kept);
  EXPECT_NEAR(none.answer.broken->rate, 1.2 * 368 / 20, 0.5);
  EXPECT_FALSE(none.answer.kept);
}

TEST(RateSearch, too_few_responses_are_tried_again_for_longer_up_to_a_bound) {
  const Found found = find({}, [](const RateTrial&) { return Outcome::too_few; });
  EXPECT_EQ(found.answer.kind, Kind::too_few);
  for (std::size_t i = 1; i < found.trials.size(); ++i)
    EXPECT_GE(found.trials[i].length, found.trials[i - 1].length);
  EXPECT_EQ(found.trials.back().length, 20s);
  EXPECT_LE(found.trials.size(), 10U);
}

TEST(RateSearch, gives_up_when_its_budget_is_spent_and_tells_what_was_confirmed) {
  for (const Nanoseconds budget : {5s, 20s, 40s}) {
    const Found found = find({.budget = budget}, mm1(50'000, 2e-3));
    Nanoseconds past{0};
    for (const RateTrial& trial : found.trials) past += trial.length;
    EXPECT_LE(past, budget);
    EXPECT_EQ(found.answer.kind, budget == 40s ? Kind::interval : Kind::spent);
    EXPECT_FALSE(budget == 5s && (found.answer.kept || found.answer.broken));
  }
}

TEST(RateSearch, ends_with_a_failure_and_with_the_highest_rate_there_is) {
  int trials = 0;
  const Found failed = find({}, [&](const RateTrial&) {
    return ++trials == 3 ? Outcome::failed : Outcome::kept;
  });
  EXPECT_EQ(failed.answer.kind, Kind::failed);
  EXPECT_EQ(failed.trials.size(), 3U);
  const Found endless =
      find({.most = 100'000}, [](const RateTrial&) { return Outcome::kept; });
  EXPECT_EQ(endless.answer.kind, Kind::at_least);
  EXPECT_EQ(endless.answer.kept->rate, 100'000);
  EXPECT_TRUE(endless.answer.kept->confirmed);
}

// --- promises
// ---------------------------------------------------------------------------

LatencyPromise promise(const std::string& text) {
  return LatencyPromise::parse("--search", text);
}

TEST(LatencyPromise, is_read_as_it_is_written) {
  EXPECT_EQ(promise("p99 < 2ms, max<1s").text(), "p99<2ms,max<1s");
  EXPECT_EQ(promise("p50<1ms").samples(), 100U);
  EXPECT_EQ(promise("mean<1ms,p99<2ms").samples(), 368U);
  EXPECT_EQ(promise("p99.9<1ms").samples(), 3'688U);
  EXPECT_TRUE(promise("p99<1ms,max<9ms").is_of_max());
  EXPECT_FALSE(promise("p99<1ms,mean<9ms").is_of_max());
}

TEST(LatencyPromise, that_is_none_is_named_with_an_example) {
  for (const char* wrong : {"", ",", "p99", "p99>2ms", "p95<2ms", "<2ms", "p99<", "p99<2",
                            "p99<=2ms", "p99<0", "p99<1ns", "p99<2m", "p99<-2ms",
                            "p99<2ms<3ms", "p99<2ms,p99<3ms", "p99<2ms;"})
    try {
      promise(wrong);
      ADD_FAILURE() << wrong;
    } catch (const UsageError& error) {
      const std::string what = error.what();
      EXPECT_TRUE(what.starts_with("--search: '")) << what;
      EXPECT_NE(what.find("p99<2ms"), what.npos) << what;
      EXPECT_EQ(what.find('\n'), what.npos) << what;
    }
}

Histogram responses(int count, std::int64_t ns) {
  Histogram times;
  for (int i = 0; i < count; ++i) times.record(ns);
  return times;
}

PromiseState state(const LatencyPromise& promise, const Histogram& times,
                   std::uint64_t unanswered = 0) {
  return promise.state(promise.figures_ns(times, unanswered));
}

TEST(LatencyPromise, holds_below_its_limit_and_no_longer_at_it) {
  EXPECT_EQ(state(promise("p99<2us"), responses(1'000, 1'999)), PromiseState::kept);
  EXPECT_EQ(state(promise("p99<2us"), responses(1'000, 2'000)), PromiseState::broken);
  Histogram late = responses(990, 1'000);
  late.merge(responses(10, 5'000));
  EXPECT_EQ(state(promise("p99<2us"), late), PromiseState::kept);
  EXPECT_EQ(state(promise("p99<2us,max<4us"), late), PromiseState::broken);
  late.merge(responses(1, 5'000));
  EXPECT_EQ(state(promise("p99<2us"), late), PromiseState::broken);
  EXPECT_EQ(state(promise("mean<1040ns,p50<2us"), late), PromiseState::broken);
}

TEST(LatencyPromise, of_too_few_responses_is_not_told_unless_it_is_broken_anyhow) {
  EXPECT_EQ(state(promise("p99<2us"), responses(367, 1'000)), PromiseState::too_few);
  EXPECT_EQ(state(promise("p99<2us"), responses(368, 1'000)), PromiseState::kept);
  EXPECT_EQ(state(promise("p99<2us,max<3us"), responses(9, 4'000)), PromiseState::broken);
}

TEST(LatencyPromise, counts_who_had_no_response_as_slower_than_all) {
  const Histogram times = responses(990, 1'000);
  EXPECT_EQ(state(promise("p99<2us"), times, 10), PromiseState::kept);
  EXPECT_EQ(state(promise("p99<2us"), times, 11), PromiseState::broken);
  EXPECT_EQ(state(promise("max<2us"), times, 1), PromiseState::broken);
  EXPECT_EQ(state(promise("mean<2us"), times, 1), PromiseState::broken);
}

// --- what a load says
// -------------------------------------------------------------------

/// 1 000 requests of so long a response, of which so much is the client's lag.
LoadResult load(std::int64_t response_ns, std::int64_t lag_ns) {
  LoadResult result;
  result.seconds = 1;
  result.requests = result.offered = 1'000;
  result.response = responses(1'000, response_ns);
  result.details->lag = responses(1'000, lag_ns);
  result.details->service = responses(1'000, response_ns - lag_ns);
  return result;
}

Outcome outcome(const LoadResult& result, Verdict verdict = Verdict::valid) {
  return outcome_of(promise("p99<2ms"), result, {verdict, "reason"});
}

TEST(OutcomeOfALoad, is_kept_even_where_much_of_the_response_was_the_clients_lag) {
  EXPECT_EQ(outcome(load(1'900'000, 1'800'000), Verdict::client_bound), Outcome::kept);
  EXPECT_EQ(outcome(load(1'900'000, 0), Verdict::noisy), Outcome::kept);
}

TEST(OutcomeOfALoad, is_nobodys_where_the_client_may_have_broken_it) {
  EXPECT_EQ(outcome(load(3'000'000, 0), Verdict::client_bound), Outcome::client_bound);
  EXPECT_EQ(outcome(load(3'000'000, 1'500'000)), Outcome::client_bound);
  EXPECT_EQ(outcome(load(3'000'000, 400'000)), Outcome::broken);
  EXPECT_EQ(outcome(load(5'000'000, 1'500'000)), Outcome::broken) << "service alone";
  EXPECT_EQ(outcome(load(3'000'000, 0), Verdict::noisy), Outcome::noisy);
}

TEST(OutcomeOfALoad, tells_overload_and_failures_apart) {
  EXPECT_EQ(outcome(load(1'000, 0), Verdict::overloaded), Outcome::overloaded);
  EXPECT_EQ(outcome(load(1'000, 0), Verdict::corrupt), Outcome::failed);
  EXPECT_EQ(outcome(load(1'000, 0), Verdict::failed), Outcome::failed);
  LoadResult silent = load(1'000, 0);
  silent.requests = 0;  // nobody was answered in the window, and nothing else was wrong
  EXPECT_EQ(outcome(silent, Verdict::failed), Outcome::overloaded);
  silent.errors.reset = 1;
  EXPECT_EQ(outcome(silent, Verdict::failed), Outcome::failed);
}

TEST(OutcomeOfALoad, counts_what_was_dropped) {
  LoadResult result = load(1'000, 0);
  result.offered = 1'011;
  EXPECT_EQ(outcome(result), Outcome::broken);
}

// --- what is said
// -----------------------------------------------------------------------

SearchRecord record(Kind kind, std::optional<Outcome> upper, bool kept = true) {
  SearchRecord record;
  record.promise = promise("p99<2ms");
  SearchTrial trial;
  trial.asked.rate = 1'000;
  trial.figures_ns = {1.5e6};
  record.trials.assign(2, trial);
  record.trials.back().judgement = {Verdict::corrupt, "wrong bytes"};
  record.answer.kind = kind;
  if (kept) record.answer.kept = {1'000, Outcome::kept, true, 1};
  if (upper) record.answer.broken = {1'050, *upper, true, 2};
  return record;
}

struct Said {
  Kind kind;
  std::optional<Outcome> upper;
  bool kept;
  ExitCode code;
  const char* says;
};

TEST(SearchReport, claims_what_is_known_and_ends_with_a_code_that_fits) {
  const Said all[] = {
      {Kind::interval, Outcome::broken, true, ExitCode::ok, "too late"},
      {Kind::interval, Outcome::overloaded, true, ExitCode::ok, "does not keep up"},
      {Kind::at_least, Outcome::client_bound, true, ExitCode::client_bound, "at least"},
      {Kind::at_least, {}, true, ExitCode::client_bound, "at least"},
      {Kind::at_least, Outcome::client_bound, false, ExitCode::client_bound, "nothing"},
      {Kind::none_kept, Outcome::broken, false, ExitCode::threshold_missed, "not hold"},
      {Kind::noisy, Outcome::broken, true, ExitCode::unsteady, "contradict"},
      {Kind::spent, {}, true, ExitCode::unsteady, "given up after 2 trials"},
      {Kind::too_few, {}, false, ExitCode::unsteady, "cannot be told"},
      {Kind::failed, {}, true, ExitCode::corrupt, "wrong bytes"}};
  for (const Said& said : all) {
    const SearchRecord found = record(said.kind, said.upper, said.kept);
    const std::string text = answer_text(found);
    EXPECT_NE(text.find(said.says), text.npos) << text;
    EXPECT_EQ(exit_code_of(found), said.code) << text;
    EXPECT_EQ(search_json(found).at("answer").at("text"), text);
    for (const std::string& word : split(text, ' '))
      EXPECT_NE(search_table(found).find(word), std::string::npos) << word;
    const bool up_to = text.find("up to") != text.npos;
    EXPECT_EQ(up_to, said.kind == Kind::interval) << text;
  }
  SearchRecord stopped = record(Kind::unfinished, Outcome::broken);
  stopped.interrupted = true;
  EXPECT_EQ(exit_code_of(stopped), ExitCode::interrupted);
  EXPECT_NE(answer_text(stopped).find("no answer yet"), std::string::npos);
}

}  // namespace
}  // namespace echolab
