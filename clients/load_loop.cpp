#include "clients/load_loop.hpp"

namespace echolab {

template class LoadLoop<EchoCaller, EpollEngine>;
template class LoadLoop<WorkCaller, EpollEngine>;

}  // namespace echolab
