// Prints the 95 % interval of the median of the numbers on each line of stdin: two
// numbers, or "none". With the argument p instead: the p of the signed-rank test; with
// friedman: that of Friedman's, of rows with commas between them, or "none".

#include "bench/inference.hpp"

#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

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

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  for (std::string line; std::getline(std::cin, line);) {
    if (wanted == "friedman") {
      const auto p = echolab::friedman_p(rows_of(line));
      fmt::print("{}\n", p ? fmt::format("{}", *p) : "none");
      continue;
    }
    const std::vector<double> figures = figures_of(line);
    if (wanted == "p")
      fmt::print("{}\n", echolab::signed_rank_p(figures));
    else if (const auto interval = echolab::median_interval(figures))
      fmt::print("{} {}\n", interval->low, interval->high);
    else
      fmt::print("none\n");
  }
}
