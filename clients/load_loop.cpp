#include "clients/load_loop.hpp"

namespace echolab {

template class LoadLoop<EchoCaller, EpollEngine>;
template class LoadLoop<WorkCaller, EpollEngine>;
template class LoadLoop<EchoCaller, UringEngine>;
template class LoadLoop<WorkCaller, UringEngine>;

}  // namespace echolab
