// Who never got ready in two trials is not started again; who ever did, always.

#include "bench/given_up.hpp"

#include <gtest/gtest.h>

namespace echolab {
namespace {

CampaignRow row_of(std::size_t contestant, Verdict verdict, const std::string& reason) {
  CampaignRow row{contestant, 0, 0, {}};
  row.trial.judgement = {verdict, reason};
  return row;
}

TEST(GivenUp, IsWhoWasNotReadyTwiceAndNeverWas) {
  const CampaignRow late = row_of(1, Verdict::failed, "not ready in 10 s: refused");
  std::vector<CampaignRow> rows;
  EXPECT_EQ(why_given_up(rows, 1), "");
  rows.push_back(late);
  EXPECT_EQ(why_given_up(rows, 1), "") << "the machine may have been busy";
  rows.push_back(late);
  EXPECT_EQ(why_given_up(rows, 1), "not started again: not ready in 10 s: refused");
  EXPECT_EQ(why_given_up(rows, 0), "") << "another one";
  rows.push_back(row_of(1, Verdict::failed, why_given_up(rows, 1)));
  EXPECT_EQ(why_given_up(rows, 1), "not started again: not ready in 10 s: refused");
}

TEST(GivenUp, IsNobodyWhoWasReadyOnceOrEndedByItself) {
  const CampaignRow late = row_of(1, Verdict::failed, "not ready in 10 s: refused");
  for (const CampaignRow& other :
       {row_of(1, Verdict::valid, ""), row_of(1, Verdict::corrupt, "wrong bytes"),
        row_of(1, Verdict::failed, "it ended: bind: Address already in use")})
    EXPECT_EQ(why_given_up({late, other, late, late}, 1), "");
}

}  // namespace
}  // namespace echolab
