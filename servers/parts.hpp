// The models that others are made of.
#pragma once

#include "servers/job.hpp"
#include "servers/mailbox.hpp"

namespace echolab {

void prethread(const Job& job);
void epoll_level(const Job& job);
/// With clients that another thread accepted, until the mailbox is closed.
void epoll_level(const Job& job, Mailbox<Fd>& arrivals);
void uring_multishot(const Job& job);
void udp_batched(const Job& job);

}  // namespace echolab
