// Prints the 95 % interval of the median of the numbers on each line of stdin: two
// numbers, or "none". With the argument p instead: the p of the signed-rank test.

#include "bench/inference.hpp"

#include <fmt/format.h>

#include <iostream>
#include <sstream>
#include <string>

int main(int argc, char** argv) {
  const bool wants_p = argc > 1 && std::string(argv[1]) == "p";
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream numbers(line);
    std::vector<double> figures;
    for (double figure = 0; numbers >> figure;) figures.push_back(figure);
    if (wants_p)
      fmt::print("{}\n", echolab::signed_rank_p(figures));
    else if (const auto interval = echolab::median_interval(figures))
      fmt::print("{} {}\n", interval->low, interval->high);
    else
      fmt::print("none\n");
  }
}
