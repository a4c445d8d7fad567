// Prints the 95 % interval of the median of the numbers on each line of stdin: two
// numbers, or "none". With the argument friedman instead: the p of Friedman's test of
// rows with commas between them, or "none"; with flips: the p of each of such rows of
// ratios (0: none in that round), by the sign-flipping test of all.

#include "bench/inference.hpp"

#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "bench/sign_flips.hpp"

namespace {

std::vector<double> figures_of(const std::string& text) {
  std::istringstream numbers(text);
  return std::vector<double>(std::istream_iterator<double>(numbers), {});
}

std::vector<std::vector<double>> rows_of(const std::string& line) {
  std::vector<std::vector<double>> rows;
  std::istringstream parts(line);
  for (std::string row; std::getline(parts, row, ',');) rows.push_back(figures_of(row));
  return rows;
}

std::vector<echolab::RatiosByRound> family_of(const std::string& line) {
  std::vector<echolab::RatiosByRound> family;
  for (const auto& row : rows_of(line)) {
    auto& ratios = family.emplace_back();
    for (std::size_t round = 0; round < row.size(); ++round)
      if (row[round] > 0) ratios[round] = row[round];
  }
  return family;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  for (std::string line; std::getline(std::cin, line);) {
    if (wanted == "friedman") {
      const auto p = echolab::friedman_p(rows_of(line));
      fmt::print("{}\n", p ? fmt::format("{}", *p) : "none");
      continue;
    }
    if (wanted == "flips") {
      fmt::print("{}\n", fmt::join(echolab::sign_flip_p(family_of(line)), " "));
      continue;
    }
    if (const auto interval = echolab::median_interval(figures_of(line)))
      fmt::print("{} {}\n", interval->low, interval->high);
    else
      fmt::print("none\n");
  }
}
