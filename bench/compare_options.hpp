// What echo_compare is asked: its command line.
#pragma once

#include <string>
#include <vector>

#include "bench/campaign.hpp"
#include "clients/work_options.hpp"
#include "common/program.hpp"

namespace echolab {

struct CompareOptions {
  std::string experiment = "scaling";
  std::string preset = "quick";
  std::string at;
  std::string clients;
  std::string models;
  std::vector<std::string> servers;
  Endpoint listen = Endpoint::parse("tcp://127.0.0.1:0");
  CampaignPlan plan;
  WorkOptions work;
  std::string precision;
  std::string order = "random";
  std::vector<std::string> assertions;
  std::string sort;
  bool wide = false;
  std::uint64_t workers = 0;
  std::string server_cpus;
  std::string client_cpus;
  std::string results = "results";
  std::string folder_file;
  std::string resume;
  bool resume_unlike = false;
  bool aa = false;
  bool no_aa = false;
  bool ceiling = false;
  bool no_ceiling = false;
  bool list_experiments = false;
  bool doctor = false;
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
};

extern const char* const compare_examples;

void add_compare_options(CLI::App& parser, CompareOptions& options);

}  // namespace echolab
