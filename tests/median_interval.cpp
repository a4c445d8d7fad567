// Prints the 95 % interval of the median of the numbers on each line of stdin: two
// numbers, or "none".

#include "bench/inference.hpp"

#include <fmt/format.h>

#include <iostream>
#include <sstream>
#include <string>

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream numbers(line);
    std::vector<double> figures;
    for (double figure = 0; numbers >> figure;) figures.push_back(figure);
    if (const auto interval = echolab::median_interval(figures))
      fmt::print("{} {}\n", interval->low, interval->high);
    else
      fmt::print("none\n");
  }
}
